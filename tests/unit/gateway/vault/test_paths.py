from __future__ import annotations

import pytest

from gateway.errors import EndpointNotAllowed
from gateway.vault.paths import canonical, is_canonical


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/customers/cus_1",
        "/v1/customers/a@b.example",
        "/2010-04-01/Accounts/AC1/Messages/+14155550100",
        "/v1/x:y,z~.a-_",
        "/v1/...",
        "/v1/.well-known",
        "/v1/a..",
    ],
)
def test_a_plain_path_stays_as_it_is(path: str) -> None:
    assert canonical(path) == path
    assert is_canonical(path)


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/v1/%2B1415", "/v1/+1415"),
        ("/v1/%2b1415", "/v1/+1415"),
        ("/v1/a%40b", "/v1/a@b"),
        ("/v1/a%3Ab%3ac", "/v1/a:b:c"),
    ],
)
def test_the_three_escapes_become_what_they_mean(path: str, plain: str) -> None:
    assert canonical(path) == plain
    assert not is_canonical(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "v1",
        "//",
        "//v1",
        "/v1/",
        "/v1//charges",
        "/.",
        "/..",
        "/v1/.",
        "/v1/./charges",
        "/v1/../charges",
        "/v1/%2e%2e/charges",
        "/v1/.%2E/charges",
        "/v1/%252e",
        "/v1/%2540",
        "/v1/%%40",
        "/v1/a%2fb",
        "/v1/a%5cb",
        "/v1/a%",
        "/v1/a%4",
        "/v1/a%u002e",
        "/v1/a%00",
        "/v1/a%20b",
        "/v1/%41",
        "/v1/a\\b",
        "/v1/..;/x",
        "/v1/a;b=c",
        "/v1/a#b",
        "/v1/a?b",
        "/v1/a*",
        "/v1/a b",
        "/v1/a\n",
        "/v1/a\x00",
        "/v1/\x7f",
        "/v1/é",
        "/v1/\uff0e\uff0e",
        "/v1/%c0%ae",
        "/v1/\u0661",
    ],
)
def test_anything_else_is_refused_and_not_repaired(path: str) -> None:
    assert not is_canonical(path)
    with pytest.raises(EndpointNotAllowed) as refused:
        canonical(path)
    assert refused.value.facts["path"] == path
