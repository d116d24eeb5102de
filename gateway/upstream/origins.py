"""Where a vendor's requests go: hosts from the settings, and never anything from a caller.

A vendor has a main host and perhaps others, its products (`files`). Each becomes an `Origin`, made
once at the start: the scheme, host, port and path prefix of a base URL, taken apart, with the stack
of idle connections to it. What a caller sends is only ever the target behind the prefix.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpcore

from gateway.settings import VendorSettings
from gateway.upstream.backend import VendorConnection, tls_context
from vendors.contract import Vendor

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(slots=True)
class Origin:
    """Where requests go: never anything but what the settings say.

    name: host for DNS and certificate. host: the Host header. prefix: goes before every target.
    line: what follows a target in every request's head, without the last line break."""

    name: str
    port: int
    host: bytes
    prefix: bytes
    line: bytes
    tls: ssl.SSLContext | None
    httpcore: httpcore.Origin
    idle: list[VendorConnection] = field(default_factory=list)


def hosts(settings: VendorSettings, vendor: Vendor) -> dict[str, str]:
    """Base URLs by product, '' the main one. Where a test or a proxy stands in for the vendor, its
    other hosts are paths of that stand-in."""
    base_url = settings.base_url.rstrip("/")
    at_vendor = base_url == vendor.base_url.rstrip("/")
    products = {
        name: url if at_vendor else f"{base_url}/{name}" for name, url in vendor.products.items()
    }
    return {"": base_url} | products | dict(settings.hosts)


def origin_of(base_url: str, ca_file: str) -> Origin:
    """base_url: `https://host[:port][/prefix]`, as the settings were checked to be."""
    parts = urlsplit(base_url)
    name = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    shown = f"[{name}]" if ":" in name else name
    host = shown if port == _PORTS[parts.scheme] else f"{shown}:{port}"
    host_header = host.encode("ascii")
    return Origin(
        name=name,
        port=port,
        host=host_header,
        prefix=parts.path.rstrip("/").encode("ascii"),
        line=b" HTTP/1.1\r\nhost: %b\r\naccept-encoding: identity" % host_header,
        tls=tls_context(ca_file) if parts.scheme == "https" else None,
        httpcore=httpcore.Origin(parts.scheme.encode(), name.encode("ascii"), port),
    )
