"""Only what a browser merely goes to is a link."""

from __future__ import annotations

import pytest

from gateway.dashboard.links import host_of


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://eu1.make.com/1/scenarios/2/logs/3", "eu1.make.com"),
        ("http://localhost:5678/x?y=1#z", "localhost"),
        ("HTTPS://EU1.make.com", "eu1.make.com"),
        ("javascript:alert(1)", ""),
        ("JavaScript://make.com/%0aalert(1)", ""),
        ("data:text/html,x", ""),
        ("//make.com/x", ""),
        ("/dashboard/sign-out", ""),
        ("https://make.com@evil.example/", ""),
        ("https:///x", ""),
        ("https://make.com\\@evil.example", ""),
        ("https://m\u0430ke.com/", ""),
        ("https://make.com/\u202egpj", ""),
        ("https://[::1", ""),
        ("https://make.com:port/", ""),
        (" https://make.com", ""),
        ("https://make.com\n", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_link_names_its_host(address: str | None, host: str) -> None:
    assert host_of(address) == host
