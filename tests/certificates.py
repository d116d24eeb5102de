"""Two certificates for 127.0.0.1, made for tests with `openssl req -x509` and good until 2126, and
clients that trust one of them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

_DATA: Final = Path(__file__).parent / "data"
CERT: Final = _DATA / "house_certificate.pem"
KEY: Final = _DATA / "house_key.pem"
OTHER: Final = _DATA / "vendor_certificate.pem"
"""Certificate and key in one file."""


def trusting(certificate: Path = CERT) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificate))
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
