"""Whatever is sent as a path, it is either refused or already in the one form that both sides read
alike."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import EndpointNotAllowed
from gateway.vault.paths import canonical, is_canonical

TRICKY = st.sampled_from(
    [
        "/",
        ".",
        "..",
        "%2e",
        "%2F",
        "%2B",
        "%40",
        "%3a",
        "%",
        "%25",
        ";",
        "\\",
        "//",
        "a",
        "+",
        "@",
        "é",
        "\n",
    ]
)
PATHS = st.one_of(st.text(), st.lists(TRICKY, max_size=12).map("".join).map("/".__add__))


@given(PATHS)
@example("/v1/%2540")
def test_an_accepted_path_means_the_same_to_every_parser(path: str) -> None:
    try:
        plain = canonical(path)
    except EndpointNotAllowed:
        return
    assert is_canonical(plain)
    assert canonical(plain) == plain
    assert plain.isascii()
    assert posixpath.normpath(plain) == plain
    assert unquote(plain) == plain
    assert plain == unquote(path)
