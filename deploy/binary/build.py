"""Assembles the binary: `python deploy/binary/build.py SOURCE SITE WORK OUT`.

SOURCE is the house; SITE has all packages, installed, and it among them; WORK is a folder for what
is made on the way; OUT is the program. The interpreter is the one that runs this: Debian's own,
whose static library the launcher is linked with. What is put in is written down here, whoever it
belongs to is asked for its licence, and whatever is missing ends the build with a word that says
what. The same input gives the same bytes.
"""

from __future__ import annotations

import os
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent

NO_MODULES: Final = frozenset(
    (
        *("__pycache__", "dist-packages", "lib-dynload", "sitecustomize.py"),
        *("test", "tests", "idlelib", "tkinter", "turtle.py", "turtledemo", "pydoc_data"),
        *("distutils", "ensurepip", "lib2to3", "venv"),
    )
)
"""Of the standard library: tests, tools for developers, windows."""
NO_NATIVES: Final = re.compile(
    r"_codecs_|_ctypes_test|_curses|_dbm|_gdbm|_multibytecodec|_test|_tkinter|_xx|nis$|"
    r"ossaudiodev|readline|xx|_crypt|audioop"
)
NO_FILES: Final = frozenset((".py", ".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h", ".so", ".typed"))
"""Kinds of files in packages that are code, and packed as such, or of use to compilers only."""
NO_METADATA: Final = frozenset(("RECORD", "INSTALLER", "REQUESTED", "WHEEL", "direct_url.json"))
GLIBC: Final = re.compile(
    r"(libc|libm|libdl|librt|libpthread|libutil|libresolv|ld-linux[\w-]*)\.so"
)
"""What every Debian has; all other libraries come along."""
HOUSE: Final = ("gateway", "ledger", "vendors", "bench")
PAGES: Final = (
    "gateway/dashboard/assets/htmx.min.js",
    "gateway/dashboard/assets/pico.min.css",
    "gateway/dashboard/assets/uPlot.iife.min.js",
    "gateway/dashboard/assets/uPlot.min.css",
)
"""Files that a checkout does not have before `make run` brought them."""
EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class Missing(Exception):
    """One line: what the binary would lack."""


def main(source: Path, site: Path, work: Path, out: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {}
    natives = {**_natives(site), **_dynload(Path(sysconfig.get_path("stdlib"), "lib-dynload"))}
    needs = {name: _needs(path) for name, path in natives.items()}
    for name, path in natives.items():
        files[f"natives/{name}.so"] = _stripped(path, work)
    for library in sorted({library for names in needs.values() for library in names}):
        files[f"natives/{library}"] = _stripped(_library(library), work)
    files |= _modules(Path(sysconfig.get_path("stdlib")), NO_MODULES, work)
    files |= _modules(site, frozenset(("__pycache__",)), work)
    data = _data(site)
    files |= data
    files["keybrake_start.pyc"] = _compiled(HERE / "keybrake_start.py", "keybrake_start.py", work)
    files["keybrake_contents.pyc"] = _contents(data, needs, work)
    files["licences.txt"] = _licences(site, needs).encode()
    _check(source, files)
    _pack(_linked(work), files, out)


# ── modules ─────────────────────────────────────────────────────────────────────────────────────


def _modules(root: Path, without: frozenset[str], work: Path) -> dict[str, bytes]:
    """All pure modules below a folder, compiled. without: names of files and folders."""
    return {
        f"{name}c": _compiled(root / name, name, work)
        for name in _walk(root, without)
        if name.endswith(".py")
    }


def _walk(root: Path, without: frozenset[str]) -> Iterator[str]:
    """Names of files below a folder, in order."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(set(folders) - without)
        folders[:] = [name for name in folders if not name.startswith("config-")]
        for name in sorted(set(names) - without):
            yield Path(folder, name).relative_to(root).as_posix()


def _compiled(source: Path, name: str, work: Path) -> bytes:
    """As a .pyc that is taken as it is; tracebacks name the file as it lies in the checkout."""
    target = work / "module.pyc"
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), str(target), name, doraise=True, invalidation_mode=mode)
    return target.read_bytes()


def _data(site: Path) -> dict[str, bytes]:
    """What lies beside the modules: tables, templates, metadata of packages."""
    return {
        name: (site / name).read_bytes()
        for name in _walk(site, NO_METADATA | {"__pycache__"})
        if Path(name).suffix not in NO_FILES and "/licenses/" not in name
    }


# ── native modules and libraries ────────────────────────────────────────────────────────────────


def _natives(site: Path) -> dict[str, Path]:
    return {_module_name(path.relative_to(site)): path for path in sorted(site.rglob("*.so"))}


def _dynload(folder: Path) -> dict[str, Path]:
    """Of this Python: where `python3-dbg` is installed, a debugging one's lie beside them."""
    ours = f"*{sysconfig.get_config_var('EXT_SUFFIX')}"
    found = {_module_name(Path(path.name)): path for path in sorted(folder.glob(ours))}
    return {name: path for name, path in found.items() if not NO_NATIVES.match(name)}


def _module_name(path: Path) -> str:
    """`uvloop/loop.cpython-311-….so` is uvloop.loop."""
    return ".".join((*path.parts[:-1], path.name.partition(".")[0]))


@cache
def _needs(path: Path) -> tuple[str, ...]:
    """Libraries that a file needs, those that others need first."""
    told = _told("readelf", "--dynamic", "--wide", str(path))
    needs: dict[str, None] = {}
    for library in re.findall(r"\(NEEDED\).*\[(.+)\]", told):
        if not GLIBC.match(library):
            needs |= dict.fromkeys((*_needs(_library(library)), library))
    return tuple(needs)


@cache
def _library(name: str) -> Path:
    """Where the system has it."""
    for line in _told("/sbin/ldconfig", "--print-cache").splitlines():
        if line.strip().startswith(f"{name} (libc6,"):
            return Path(line.rpartition("=> ")[2]).resolve()
    raise Missing(f"the library {name} is not on this machine")


def _stripped(path: Path, work: Path) -> bytes:
    target = work / "stripped"
    _told("strip", "--strip-unneeded", "-o", str(target), str(path))
    return target.read_bytes()


def _contents(data: Iterable[str], needs: dict[str, tuple[str, ...]], work: Path) -> bytes:
    """A module for `keybrake_start`: which files there are, and what native modules need."""
    source = work / "keybrake_contents.py"
    source.write_text(
        f"DATA = frozenset({sorted(data)!r})\nNEEDS = {dict(sorted(needs.items()))!r}\n"
    )
    return _compiled(source, source.name, work)


# ── licences ────────────────────────────────────────────────────────────────────────────────────


def _licences(site: Path, needs: dict[str, tuple[str, ...]]) -> str:
    """All of them in one text. Raises Missing for a part that has none."""
    parts = {f"{name} (Python package)": text for name, text in sorted(_of_packages(site))}
    linked = [Path(sysconfig.get_path("stdlib"), "os.py"), _library("libz.so.1")]
    libraries = {library for names in needs.values() for library in names}
    for path in [*linked, _library("libexpat.so.1"), *map(_library, sorted(libraries))]:
        package = _told("dpkg-query", "--search", _merged(path)).partition(":")[0]
        told = Path("/usr/share/doc", package, "copyright")
        parts[f"{package} (Debian package)"] = _text(told, package)
    for path in sorted(Path(site, "gateway/dashboard/assets").glob("*.LICENSE.txt")):
        name = path.name.removesuffix(".LICENSE.txt")
        parts[f"{name} (in the dashboard's pages)"] = _text(path, name)
    return "\n".join(f"{'═' * 80}\n{name}\n{'═' * 80}\n\n{text}\n" for name, text in parts.items())


def _of_packages(site: Path) -> Iterator[tuple[str, str]]:
    for package in distributions(path=[str(site)]):
        if package.name != "keybrake":
            yield f"{package.name} {package.version}", _licence(package)


def _licence(package: Distribution) -> str:
    name = re.compile(r"(?i)(.*/)?(licen[cs]e|copying|notice|authors)[^/]*")
    files = [file for file in package.files or () if ".dist-info" in str(file)]
    texts = [file.read_text() for file in sorted(files) if name.fullmatch(str(file))]
    if not texts:
        raise Missing(f"{package.name} comes without a licence")
    return "\n".join(texts)


def _merged(path: Path) -> str:
    """As Debian's own lists name it: a library of /usr/lib may be listed under /lib."""
    listed = Path("/var/lib/dpkg/info").glob("*.list")
    short = str(path).removeprefix("/usr")
    names = {line for file in listed for line in file.read_text().splitlines() if short in line}
    return str(path) if str(path) in names else short


def _text(path: Path, name: str) -> str:
    if not path.is_file():
        raise Missing(f"the licence of {name}: {path} is not there")
    return path.read_text()


# ── the program ─────────────────────────────────────────────────────────────────────────────────


def _linked(work: Path) -> bytes:
    """The launcher with the interpreter in it; of shared libraries it needs glibc's alone."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    static = Path(sysconfig.get_config_var("LIBPL"), f"lib{version}.a")
    if not static.is_file():
        raise Missing(f"{static}, from Debian's package lib{version}-dev")
    program = work / "launcher"
    include = f"-I{sysconfig.get_path('include')}"
    command = ["gcc", "-O2", "-Wall", include, str(HERE / "keybrake.c"), str(static), "-no-pie"]
    command += ["-s", "-Wl,--export-dynamic", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,--build-id=none"]
    command += ["-Wl,-Bstatic", "-lexpat", "-lz", "-Wl,-Bdynamic", "-lm", "-o", str(program)]
    _told(*command)
    return program.read_bytes()


def _check(source: Path, files: Collection[str]) -> None:
    """Raises Missing for a file of the house that its packaging left out: a table or a page that
    nobody would miss before it is asked for."""
    without = frozenset(("__pycache__", "README.md", "npm"))
    own = [f"{folder}/{name}" for folder in HOUSE for name in _walk(source / folder, without)]
    for name in (*own, *PAGES):
        if (f"{name}c" if name.endswith(".py") else name) not in files:
            raise Missing(f"{name} is not among the installed files: see pyproject.toml")


def _pack(launcher: bytes, files: dict[str, bytes], out: Path) -> None:
    """Native modules lie uncompressed: they are copied whole at each start."""
    half = out.with_suffix(".half")
    half.write_bytes(launcher)
    with zipfile.ZipFile(half, "a") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            native = name.startswith("natives/")
            entry.compress_type = zipfile.ZIP_STORED if native else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=9)
    half.chmod(0o755)
    half.replace(out)


def _told(*command: str) -> str:
    """What a tool says. Raises Missing."""
    if shutil.which(command[0]) is None:
        raise Missing(f"{command[0]}, a tool of the build: apt-get install gcc")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        sys.exit("make binary: it is built on Linux with glibc")
    try:
        main(*map(Path, sys.argv[1:]))
    except Missing as exc:
        sys.exit(f"make binary: {exc}")
