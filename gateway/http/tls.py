"""Certificate and key, from files to what a listener's handshakes use, and again when the files
change.

The one place that knows `ssl`. A pair is loaded whole before it takes the place of the one in
force; one that does not load changes nothing and says so once. Connections that are open keep what
they began with. Files are looked at every few seconds in a thread of their own; a pair is loaded
when it has stayed the same over two looks, since a certificate is often written a moment before its
key.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Final

_log = logging.getLogger("keybrake.http")

LOOK_S: Final = 2.0
"""Between two looks at the files."""
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption. TLS 1.3 has no others."""

_Stamp = tuple[tuple[int, int, int], ...]


class TlsMistake(ValueError):
    """One line: why certificate and key cannot be used."""


def load(cert_file: str, key_file: str) -> ssl.SSLContext:
    """key_file: '' if the key is in cert_file. Raises TlsMistake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    for file in filter(None, (cert_file, key_file)):
        _check_readable(file)
    try:
        context.load_cert_chain(cert_file, key_file or None, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as exc:
        raise TlsMistake(_why(exc, key_file or cert_file)) from exc
    return context


def _check_readable(file: str) -> None:
    try:
        with Path(file).open("rb"):
            return
    except OSError as exc:
        raise TlsMistake(f"cannot read {file}: {exc.strerror}") from exc


class _Encrypted(ValueError):
    """Asked for a password: nobody is there to type one."""


def _no_password() -> str:
    raise _Encrypted


def _why(exc: Exception, key_file: str) -> str:
    if isinstance(exc, _Encrypted):
        return f"the key in {key_file} is encrypted; it is needed without a password"
    reason = getattr(exc, "reason", None)
    if reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key_file} does not belong to the certificate"
    return f"no certificate with its key in PEM ({reason or exc})"


class Tls:
    """Living: the pair in force. Raises TlsMistake if there is none to begin with."""

    __slots__ = ("_files", "_loaded", "_seen", "context")

    def __init__(self, cert_file: str, key_file: str) -> None:
        self._files = (cert_file, key_file)
        self._loaded = _stamp(self._files)
        self._seen = self._loaded
        self.context = load(cert_file, key_file)

    def reload(self, cert_file: str = "", key_file: str = "") -> bool:
        """Load the pair again now, from other files if they are named. False: it does not load, the
        old one stays in force, and the log says why."""
        files = (cert_file, key_file) if cert_file else self._files
        stamp = _stamp(files)
        try:
            context = load(*files)
        except TlsMistake as exc:
            self._loaded = stamp if files == self._files else self._loaded
            _log.error("the TLS certificate stays as it was: %s", exc)
            return False
        self._files, self._loaded, self.context = files, stamp, context
        _log.info("TLS certificate loaded from %s", files[0])
        return True

    def renew(self, cert_file: str, key_file: str) -> None:
        """These are the files now; loads them unless they are in force as they are."""
        files = (cert_file, key_file)
        if files != self._files or _stamp(files) != self._loaded:
            self.reload(cert_file, key_file)

    def look(self) -> None:
        """Load the pair if its files have changed, and have stayed so since the look before."""
        stamp = _stamp(self._files)
        settled, self._seen = stamp == self._seen, stamp
        if stamp != self._loaded and settled:
            self.reload()

    async def watch(self) -> None:
        """Look for ever; cancel to end it."""
        while True:
            await asyncio.sleep(LOOK_S)
            await asyncio.to_thread(self.look)


def _stamp(files: tuple[str, str]) -> _Stamp:
    """What changes when a file does. A file that is not there has a stamp, too."""
    stamps = []
    for file in filter(None, files):
        try:
            found = Path(file).stat()
            stamps.append((found.st_mtime_ns, found.st_size, found.st_ino))
        except OSError:
            stamps.append((0, 0, 0))
    return tuple(stamps)
