"""What pages load: our own style sheet and scripts, and the three libraries beside them.

A file's address carries a hash of its content, so browsers keep it for good and still never show an
old one. Files are read once, and each is compressed once, when the first browser takes it so. The
libraries come from npm when the house is set up, into `assets/`; a checkout without them still
shows its pages, plainly, and says so in the log.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePath
from typing import Final

from gateway.dashboard.guard import HEADERS, ROOT
from gateway.errors import NotFound
from gateway.http.message import Headers, Request, Response

_log = logging.getLogger("keybrake")

HERE: Final = files(__package__)
FOLDERS: Final = (HERE.joinpath("static"), HERE.joinpath("assets"))
LIBRARIES: Final = ("htmx.min.js", "pico.min.css", "uPlot.iife.min.js", "uPlot.min.css")
KINDS: Final = {
    ".css": b"text/css; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
}
_FOR_GOOD: Final = (b"cache-control", b"public, max-age=31536000, immutable")
_LOOK_AGAIN: Final = (b"cache-control", b"no-cache")


@dataclass(slots=True)
class Asset:
    kind: bytes
    content: bytes
    version: str
    _packed: bytes = b""

    def packed(self) -> bytes:
        """The same, gzip."""
        self._packed = self._packed or gzip.compress(self.content, 6, mtime=0)
        return self._packed


class Assets:
    """All files, by name. Reading them waits for the first page."""

    __slots__ = ("_files",)

    def __init__(self) -> None:
        self._files: dict[str, Asset] | None = None

    def address(self, name: str) -> str:
        """Where a page finds the file."""
        found = self._all().get(name)
        version = f"?v={found.version}" if found else ""
        return f"{ROOT}/static/{name}{version}"

    def answer(self, request: Request, name: str) -> Response:
        """Raises NotFound."""
        found = self._all().get(name)
        if found is None:
            raise NotFound("There is no such file.")
        fits = request.query == f"v={found.version}"
        headers: Headers = [
            (b"content-type", found.kind),
            (b"vary", b"accept-encoding"),
            _FOR_GOOD if fits else _LOOK_AGAIN,
            *HEADERS,
        ]
        if b"gzip" in request.headers.get(b"accept-encoding", b""):
            return Response(200, [*headers, (b"content-encoding", b"gzip")], found.packed())
        return Response(200, headers, found.content)

    def _all(self) -> dict[str, Asset]:
        if self._files is None:
            paths = [path for folder in FOLDERS if folder.is_dir() for path in folder.iterdir()]
            self._files = {path.name: _read(path) for path in paths if _suffix(path) in KINDS}
            if missing := [name for name in LIBRARIES if name not in self._files]:
                _log.warning(
                    "the dashboard lacks %s: `make run` brings them; pages work without, plainly",
                    ", ".join(missing),
                )
        return self._files


def _read(path: Traversable) -> Asset:
    content = path.read_bytes()
    version = hashlib.sha256(content).hexdigest()[:12]
    return Asset(KINDS[_suffix(path)], content, version)


def _suffix(path: Traversable) -> str:
    return PurePath(path.name).suffix
