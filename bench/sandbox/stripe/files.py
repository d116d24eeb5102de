"""Files: uploads of any size that are counted and never kept, downloads of any size from nothing.

`UploadSink` reads a multipart body as it arrives. Of the parts it keeps the heads and the small
values (`purpose`); of the file it keeps its name and its size.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.form import boundary_of, field_of
from bench.sandbox.stripe import errors, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

VALUE_BYTES_MAX: Final = 4_096
"""A part without a file name is a parameter; more than this of it is not kept."""
CONTENTS: Final[params.Spec] = {"size": params.integer, "expand": params.array}
PLAIN: Final[params.Spec] = {"expand": params.array}


class UploadSink:
    """Counts a multipart body. received: all its bytes. A boundary may lie across two chunks, so
    the last bytes of what was seen are held back until more is known."""

    __slots__ = (
        "_buffer",
        "_filename",
        "_name",
        "_value",
        "boundary",
        "received",
        "size",
        "values",
    )

    def __init__(self, content_type: str) -> None:
        self.boundary = b"\r\n--" + boundary_of(content_type)
        self.received = 0
        self.size = 0
        self.values: dict[str, str] = {}
        self._buffer = b"\r\n"
        self._name: str | None = None
        self._filename = ""
        self._value = b""

    def feed(self, data: bytes) -> None:
        self.received += len(data)
        self._buffer += data
        while self._step():
            pass

    def _step(self) -> bool:
        """Take the next boundary, with the head behind it, or what surely is content."""
        at = self._buffer.find(self.boundary)
        if at < 0:
            keep = len(self.boundary) - 1
            if len(self._buffer) > keep:
                self._content(self._buffer[:-keep])
                self._buffer = self._buffer[-keep:]
            return False
        after = at + len(self.boundary)
        if self._buffer[after : after + 2] == b"--":
            self._end(self._buffer[:at])
            self._buffer = b""
            return False
        end = self._buffer.find(b"\r\n\r\n", after)
        if end < 0:
            return False
        self._end(self._buffer[:at])
        self._begin(self._buffer[after:end])
        self._buffer = self._buffer[end + 4 :]
        return True

    def _begin(self, head: bytes) -> None:
        self._name, self._filename = field_of(head, "name"), field_of(head, "filename")
        self._value = b""
        if self._filename:
            self.values["filename"] = self._filename

    def _content(self, data: bytes) -> None:
        if self._name is None:
            return
        if self._filename:
            self.size += len(data)
        elif len(self._value) < VALUE_BYTES_MAX:
            self._value += data

    def _end(self, data: bytes) -> None:
        self._content(data)
        if self._name is not None and not self._filename:
            self.values[self._name] = self._value.decode("utf-8", "replace")
        self._name = None


def create(world: World, upload: UploadSink) -> Obj:
    if "purpose" not in upload.values:
        raise errors.missing("purpose")
    if "filename" not in upload.values:
        raise errors.missing("file")
    name = upload.values["filename"].rpartition("/")[2]
    file_id = new_id("file")
    return world.put(
        {
            "id": file_id,
            "object": "file",
            "created": now(),
            "expires_at": None,
            "filename": name,
            "links": {"object": "list", "data": [], "has_more": False, "url": "/v1/file_links"},
            "purpose": upload.values["purpose"],
            "size": upload.size,
            "title": None,
            "type": name.rpartition(".")[2] or None,
            "url": f"https://files.stripe.com/v1/files/{file_id}/contents",
        }
    )


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("file", ids[0])


def contents_size(world: World, ids: tuple[str, ...], given: Obj) -> int:
    """How many bytes `GET /v1/files/{id}/contents` streams: `size`, else those uploaded. An id
    that nobody uploaded streams too when a size is given."""
    if "size" in given:
        return int(given["size"])
    size = world.get("file", ids[0])["size"]
    if not isinstance(size, int):
        raise StripeError(500, "A file without a size.", kind="api_error")
    return size
