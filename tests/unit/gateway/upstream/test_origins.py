"""Base URLs taken apart, and which product is where."""

from __future__ import annotations

import pytest

from gateway.settings import VendorSettings
from gateway.upstream.origins import hosts, origin_of
from tests.vendor_double import CERTIFICATE, KNOWN


@pytest.mark.parametrize(
    ("url", "name", "port", "host", "prefix"),
    [
        ("https://api.stripe.com", "api.stripe.com", 443, b"api.stripe.com", b""),
        ("https://api.stripe.com/", "api.stripe.com", 443, b"api.stripe.com", b""),
        ("https://a.example:443/x/y/", "a.example", 443, b"a.example", b"/x/y"),
        ("http://127.0.0.1:8080/x", "127.0.0.1", 8080, b"127.0.0.1:8080", b"/x"),
        ("http://localhost:80", "localhost", 80, b"localhost", b""),
        ("http://[::1]:8080", "::1", 8080, b"[::1]:8080", b""),
    ],
)
def test_a_base_url(url: str, name: str, port: int, host: bytes, prefix: bytes) -> None:
    origin = origin_of(url, "")
    assert (origin.name, origin.port, origin.host, origin.prefix) == (name, port, host, prefix)
    assert (origin.tls is not None) == url.startswith("https")


def test_origins_share_no_stack() -> None:
    assert origin_of("http://a.example", "").idle is not origin_of("http://a.example", "").idle


def test_a_context_per_file_of_certificates() -> None:
    ours, theirs = (origin_of("https://a.example", file) for file in (str(CERTIFICATE), ""))
    assert ours.tls is not theirs.tls
    assert ours.tls is origin_of("https://b.example", str(CERTIFICATE)).tls


def test_products_of_the_vendor_itself_are_its_hosts() -> None:
    settings = VendorSettings("double", "https://api.double.example/")
    assert hosts(settings, KNOWN["double"]) == {
        "": "https://api.double.example",
        "files": "https://files.double.example/up",
    }


def test_products_of_a_stand_in_are_its_paths() -> None:
    settings = VendorSettings("double", "http://127.0.0.1:9/base")
    assert hosts(settings, KNOWN["double"])["files"] == "http://127.0.0.1:9/base/files"


def test_the_settings_win() -> None:
    there = {"files": "http://127.0.0.1:9/f", "more": "http://127.0.0.1:9/m"}
    settings = VendorSettings("double", "https://api.double.example", hosts=there)
    assert hosts(settings, KNOWN["double"]) == {"": "https://api.double.example", **there}
