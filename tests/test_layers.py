"""Who imports whom, read from our own source: the order of things is in one table, and here it is.

A folder is described by what it may import. `gateway` has wings that stand on each other; a library
that has a temper (h11, httpcore, uvloop, SQLite) is known to the files named for it and to nobody
else.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
STDLIB: Final = sys.stdlib_module_names
OURS: Final = frozenset({"vendors", "ledger", "gateway", "bench"})

MAY_IMPORT: Final = {
    "vendors": {"vendors", "orjson"},
    "ledger": {"ledger", "orjson", "aiosqlite"},
    "gateway": {
        "gateway",
        "ledger",
        "vendors",
        "orjson",
        "h11",
        "httpcore",
        "uvloop",
        "jinja2",
        "markupsafe",
        "certifi",
        "shtab",
    },
    "bench": {"bench", "aiohttp", "h11", "httpx", "matplotlib", "orjson", "uvicorn", "uvloop"},
}
"""Beside the standard library."""

FROM_INSIDE: Final = ("bench/micro/", "bench/unwritten.py")
"""Pieces of the house, timed alone; the gateway with a journal that writes nothing."""

LIBRARIES: Final = {
    "certifi": ("gateway/upstream/backend.py",),
    "h11": (
        "gateway/http/secondreader.py",
        "gateway/upstream/direct.py",
        "gateway/upstream/plain.py",
        "gateway/upstream/backend.py",
        "bench/",
    ),
    "httpcore": (
        "gateway/upstream/backend.py",
        "gateway/upstream/origins.py",
        "gateway/upstream/pool.py",
        "gateway/upstream/stream.py",
    ),
    "uvloop": ("gateway/run/app.py", "bench/"),
    "sqlite3": ("ledger/",),
    "ssl": (
        "bench/vendor.py",
        "gateway/http/tls.py",
        "gateway/run/commands/checks.py",  # the day a certificate ends
        "gateway/upstream/backend.py",
        "gateway/upstream/origins.py",
        "gateway/upstream/stream.py",
    ),
    "aiosqlite": ("ledger/history/",),
    "aiohttp": ("bench/",),
    "httpx": ("bench/peers/",),
    "uvicorn": ("bench/peers/",),
    "matplotlib": ("bench/tools/draw.py",),
    "shtab": ("gateway/run/commands/completion.py",),
    "jinja2": ("gateway/dashboard/",),
    "markupsafe": ("gateway/dashboard/",),
}
"""Library -> the files, or folders, that may know it. doctor.py asks SQLite for its version
only."""

BASE: Final = frozenset({"errors", "clock", "ids", "metrics", "needles", "settings", "tasks"})
"""Files of `gateway` itself, on which every wing stands."""

WINGS: Final = {
    "http": BASE | {"http"},
    "vault": BASE | {"vault"},
    "blueprints": BASE | {"blueprints"},
    "upstream": BASE | {"http", "upstream"},
    "call": BASE | {"http", "vault", "upstream", "call"},
    "reconcile": BASE | {"http", "vault", "upstream", "call", "reconcile"},
    "admin": BASE | {"http", "vault", "upstream", "call", "reconcile", "admin"},
    "dashboard": BASE | {"http", "vault", "blueprints", "reconcile", "admin", "dashboard"},
    "run": BASE | {"http", "vault", "upstream", "call", "reconcile", "admin", "dashboard", "run"},
}
"""Wing -> what of `gateway` it may import."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import of one file. module: whole, `gateway.http.message`."""

    file: str
    line: int
    module: str

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def sources() -> list[Path]:
    return sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))


def imports_of(path: Path) -> Iterator[Import]:
    """`from gateway.http import message` counts as gateway.http.message: a name may be a module."""
    file = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(file, node.lineno, name.name)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute here"
            for name in node.names:
                yield Import(file, node.lineno, f"{node.module}.{name.name}")


ALL: Final = [found for path in sources() for found in imports_of(path)]


def is_in(file: str, places: tuple[str, ...]) -> bool:
    return any(
        file == place or (place.endswith("/") and file.startswith(place)) for place in places
    )


def allowed_in(file: str) -> frozenset[str]:
    """What of `gateway` a file of it may import."""
    parts = file.split("/")
    return WINGS[parts[1]] if len(parts) > 2 else BASE


def test_there_is_something_to_read() -> None:
    assert {found.file.partition("/")[0] for found in ALL} == OURS


@pytest.mark.parametrize("package", sorted(OURS))
def test_a_package_imports_only_what_is_below_it(package: str) -> None:
    wrong = [
        str(found)
        for found in ALL
        if found.file.startswith(f"{package}/")
        and not is_in(found.file, FROM_INSIDE)
        and found.top not in MAY_IMPORT[package]
        and found.top not in STDLIB
    ]
    assert wrong == []


@pytest.mark.parametrize("library", sorted(LIBRARIES))
def test_a_library_is_known_to_its_files_only(library: str) -> None:
    wrong = [
        str(found)
        for found in ALL
        if found.top == library and not is_in(found.file, LIBRARIES[library])
    ]
    assert wrong == []


def test_wings_stand_on_each_other_in_one_order() -> None:
    wrong = [
        str(found)
        for found in ALL
        if found.file.startswith("gateway/")
        and found.file != "gateway/__main__.py"
        and found.top == "gateway"
        and found.module.split(".")[1] not in allowed_in(found.file)
    ]
    assert wrong == []


def test_every_wing_is_in_the_table() -> None:
    found = {path.name for path in (ROOT / "gateway").iterdir() if (path / "__init__.py").exists()}
    assert found == set(WINGS)
