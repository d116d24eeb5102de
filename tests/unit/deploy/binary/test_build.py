"""What a binary must not lack ends its build, by name."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from deploy.binary.build import (
    GLIBC,
    NO_NATIVES,
    PAGES,
    Missing,
    _check,
    _dynload,
    _module_name,
    _text,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("gateway/a.py", "gateway/README.md", "vendors/prices.json", "build/lib/x.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_all_that_the_house_has_is_in_it(source: Path) -> None:
    _check(source, {"gateway/a.pyc", "vendors/prices.json", *PAGES})


@pytest.mark.parametrize("left_out", ["gateway/a.pyc", "vendors/prices.json", *PAGES])
def test_a_file_that_was_left_out_is_named(source: Path, left_out: str) -> None:
    files = {"gateway/a.pyc", "vendors/prices.json", *PAGES} - {left_out}
    with pytest.raises(Missing, match=left_out.removesuffix("c")):
        _check(source, files)


def test_a_part_without_a_licence_is_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="the licence of libssl3"):
        _text(tmp_path / "copyright", "libssl3")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("uvloop/loop.cpython-311-x86_64-linux-gnu.so", "uvloop.loop"),
        ("_ssl.cpython-311-x86_64-linux-gnu.so", "_ssl"),
        ("markupsafe/_speedups.abi3.so", "markupsafe._speedups"),
    ],
)
def test_a_native_modules_file_tells_its_name(path: str, name: str) -> None:
    assert _module_name(Path(path)) == name


def test_a_debugging_pythons_modules_are_not_taken(tmp_path: Path) -> None:
    suffix = str(sysconfig.get_config_var("EXT_SUFFIX"))
    for name in (f"_ssl{suffix}", f"_ssl{suffix.replace('-x86', 'd-x86', 1)}", "_ssl.so"):
        (tmp_path / name).touch()
    assert _dynload(tmp_path) == {"_ssl": tmp_path / f"_ssl{suffix}"}


def test_glibcs_libraries_stay_outside_and_others_come_along() -> None:
    assert all(map(GLIBC.match, ("libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "librt.so.1")))
    assert not any(map(GLIBC.match, ("libcrypto.so.3", "libz.so.1", "libmpdec.so.3")))


def test_modules_that_a_gateway_needs_are_not_left_out() -> None:
    needed = ("_asyncio", "_contextvars", "_hashlib", "_json", "_sqlite3", "_ssl", "_zoneinfo")
    assert not any(map(NO_NATIVES.match, needed))
