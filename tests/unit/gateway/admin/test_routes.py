from __future__ import annotations

import pytest

from gateway.admin.health import healthz
from gateway.admin.routes import ADMIN, Route, no_notes

ROW = Route("POST", "/vault/keys/{id}/revoke", ADMIN, healthz, "", "Health")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/vault/keys/vk_1/revoke", {"id": "vk_1"}),
        ("/vault/keys//revoke", None),
        ("/vault/keys/vk_1/revoke/", None),
        ("/vault/keys/vk_1", None),
        ("/vault/issuers/vk_1/revoke", None),
    ],
)
def test_a_row_fits_a_whole_path(path: str, found: dict[str, str] | None) -> None:
    assert ROW.matches(path.split("/")) == found


def test_without_an_idempotency_key_nothing_is_bound() -> None:
    assert no_notes("vk_1") == ()
