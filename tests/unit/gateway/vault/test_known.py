from __future__ import annotations

import pytest

from gateway.vault.known import home


@pytest.mark.parametrize(
    ("accounts", "told"),
    [
        ({"default", "acme"}, "default"),
        ({"acme"}, "acme"),
        ({"acme", "umbrella"}, None),
        (set(), None),
    ],
)
def test_a_key_that_names_no_account_has_the_default_or_the_only_one(
    accounts: set[str], told: str | None
) -> None:
    assert home(accounts) == told
