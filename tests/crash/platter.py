"""A disk as it is at any moment between two syncs, from a trace of what was asked of it.

What was synced is on it. Of what was written since, any part may be: each sector of 512 bytes by
itself, in no order, and so may a file be shorter than it was. Names (made, renamed, removed) reach
it in their order, some or all of those since the folder was last synced. That is less than any
file system of today promises.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

SECTOR: Final = 512
TRACED: Final = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,rename"
OPTIONS: Final = ("-f", "--seccomp-bpf", "-qq", "-yy", "-xx", "-s", "100000", "-e", "signal=none")
_CALL: Final = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)(.*)$")
_BEGUN: Final = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_DONE: Final = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)(.*)$")
_FD: Final = re.compile(r"^\d+<((?:[^>]|(?<=-)>)*)>")
_TEXT: Final = re.compile(r'"([^"]*)"')
_AMOUNT: Final = re.compile(rb"(?:^|[&\n])amount=(\d+)")


@dataclass(frozen=True, slots=True)
class Event:
    """One system call. began: the number of the line that it began at; syncs end later. path: the
    file, or where a connection leads."""

    began: int
    what: str
    path: str
    data: bytes = b""
    at: int = -1
    to: str = ""


def events(trace: Path) -> Iterator[Event]:
    """Those that succeeded, as they ended; a write counts from its beginning."""
    begun: dict[str, tuple[int, str, str]] = {}
    for number, line in enumerate(trace.read_text("ascii").splitlines()):
        if found := _BEGUN.match(line):
            thread, name, args = found.groups()
            begun[thread] = number, name, args
            if name in ("write", "pwrite64"):
                yield from _event(number, name, args, "")
        elif found := _DONE.match(line):
            thread, name, rest, result, more = found.groups()
            began, _, args = begun.pop(thread)
            if int(result) >= 0 and name not in ("write", "pwrite64"):
                yield from _event(began, name, args + rest, more)
        elif (found := _CALL.match(line)) and int(found[4]) >= 0:
            yield from _event(number, found[2], found[3], found[5])


def _event(number: int, name: str, args: str, result: str) -> Iterator[Event]:
    texts = [_bytes(text) for text in _TEXT.findall(args)]
    if name == "openat":
        if "O_CREAT" in args:
            yield Event(number, "made", _named(result.strip("<>")))
    elif name in ("rename", "unlink"):
        to = texts[1].decode() if name == "rename" else ""
        yield Event(number, name, texts[0].decode(), to=to)
    elif (fd := _FD.match(args)) is not None:
        path = _named(fd[1])
        if name in ("write", "pwrite64"):
            at = int(args.rsplit(",", 1)[1]) if name == "pwrite64" else -1
            yield Event(number, "write", path, texts[0], at)
        elif name == "ftruncate":
            yield Event(number, "cut", path, at=int(args.rsplit(",", 1)[1]))
        else:
            yield Event(number, "sync", path)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _named(told: str) -> str:
    """strace writes paths as bytes, and addresses plainly."""
    return _bytes(told).decode() if told.startswith("\\x") else told


def asked_of_vendor(event: Event, vendor: str) -> int | None:
    """The cents that a request asks for, if this is where its first byte leaves for the vendor."""
    if event.what != "write" or not event.path.endswith(f"->{vendor}]"):
        return None
    found = _AMOUNT.search(event.data) if event.data.startswith(b"POST ") else None
    return int(found[1]) if found else None


@dataclass(slots=True)
class _File:
    """pending: since its last sync, (the event's number, what, where, data)."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)
    size: int = 0

    def sync(self, before: int) -> None:
        for event in self.pending:
            if event.began < before:
                _apply(self.durable, event)
        self.pending = [event for event in self.pending if event.began >= before]

    def torn(self, dice: random.Random, share: float) -> bytes:
        """share: of the sectors written since the last sync that are on the disk."""
        content = bytearray(self.durable)
        for event in self.pending:
            if event.what == "cut":
                if dice.random() < share:
                    _apply(content, event)
                continue
            for at, piece in _sectors(event):
                if dice.random() < share:
                    _put(content, at, piece)
        return bytes(content)


def _apply(content: bytearray, event: Event) -> None:
    if event.what == "cut":
        del content[event.at :]
        content.extend(bytes(event.at - len(content)))
    else:
        _put(content, event.at, event.data)


def _put(content: bytearray, at: int, data: bytes) -> None:
    content.extend(bytes(max(0, at - len(content))))
    content[at : at + len(data)] = data


def _sectors(event: Event) -> Iterator[tuple[int, bytes]]:
    at, left = event.at, event.data
    while left:
        size = SECTOR - at % SECTOR
        yield at, left[:size]
        at, left = at + size, left[size:]


Names = dict[str, _File]
Change = dict[str, _File | None]
"""Of names: what each stands for from then on."""


class Platter:
    """directory: the one whose files are followed, all of them made after the trace began."""

    def __init__(self, directory: Path) -> None:
        self._directory = str(directory)
        self._names: Names = {}
        self._durable: Names = {}
        self._changes: list[Change] = []

    def take(self, event: Event) -> None:
        if event.path == self._directory and event.what == "sync":
            self._durable, self._changes = dict(self._names), []
        elif event.path.startswith(f"{self._directory}/"):
            if event.what in ("made", "rename", "unlink"):
                self._name(event)
            elif (file := self._names.get(event.path)) is not None:
                _take_of(file, event)

    def _name(self, event: Event) -> None:
        there = self._names.get(event.path)
        if event.what == "made":
            change: Change = {} if there is not None else {event.path: _File()}
        elif event.what == "unlink":
            change = {event.path: None}
        else:
            change = {event.path: None, event.to: there}
        if change:
            _change(self._names, change)
            self._changes.append(change)

    def image(self, to: Path, dice: random.Random) -> None:
        """One of the many things that the disk may hold at this moment."""
        share = dice.choice((0.0, 0.5, 0.9, 1.0))
        names, most = dict(self._durable), len(self._changes)
        for change in self._changes[: dice.choice((0, most, dice.randint(0, most)))]:
            _change(names, change)
        to.mkdir(mode=0o700)
        for name, file in names.items():
            (to / Path(name).name).write_bytes(file.torn(dice, share))


def _change(names: Names, change: Change) -> None:
    for path, file in change.items():
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file


def _take_of(file: _File, event: Event) -> None:
    if event.what == "sync":
        file.sync(event.began)
        return
    if event.what == "write" and event.at < 0:  # it goes on where it was
        event = replace(event, at=file.size)
    file.size = event.at + len(event.data)
    file.pending.append(event)
