"""The first Python that runs in the binary: it makes native modules loadable, then is `keybrake`.

Pure modules come out of the archive through Python's own `zipimport`, and so does what lies beside
them, which the house reads through `importlib.resources`. A native module (uvloop, orjson,
`_ssl`) has to be a file for the system's loader, so at its first import it is copied into an
anonymous one in memory, sealed against any change, and loaded from there, after the libraries that
it needs. No folder has to be writable, nothing is left behind, and there is nothing on a disk that
someone could exchange between two starts.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import io
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.resources.abc import Traversable, TraversableResources
from types import ModuleType
from typing import TYPE_CHECKING, Any
from zipimport import zipimporter

import _keybrake  # type: ignore[import-not-found]  # keybrake.c
from keybrake_contents import DATA, NEEDS  # type: ignore[import-not-found]  # build.py writes it

if TYPE_CHECKING:
    from importlib.metadata import Distribution, DistributionFinder

ARCHIVE = "/proc/self/exe"
PACKAGES = "KEYBRAKE_PACKAGES"
"""Names folders with packages of the operator's own, such as a vendor's: looked into last."""
LICENCES = "licences.txt"

_MFD_NOEXEC_SEAL = 0x0008  # Linux 6.3: a file that is mapped, and never a program itself
_SEALED = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

GC_THRESHOLD = 50_000
"""As a gateway that serves has it: what imports make stays, and need not be searched again."""

_loaded: set[str] = set()


def main() -> None:
    """`keybrake …`; `keybrake -m MODULE …` is what `python -m` is: the sandbox and the demo start
    processes of their own so; `keybrake --licences` tells whose work is inside."""
    gc.set_threshold(GC_THRESHOLD, 50, 50)
    sys.meta_path.insert(2, Finder())  # before folders, behind what is built in
    sys.path_hooks[sys.path_hooks.index(zipimporter)] = Archive
    sys.path_importer_cache.clear()
    sys.path[:] = filter(None, os.environ.get(PACKAGES, "").split(os.pathsep))
    match sys.argv[1:]:
        case ["-m", module, *_]:
            import runpy

            del sys.argv[1:3]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case ["--licences"]:
            sys.stdout.write(_archive.get_data(LICENCES).decode())
        case _:
            from gateway.run.cli import main as keybrake

            sys.exit(keybrake())


class Finder:
    """Finds what the archive has: modules of both kinds, and the packages' metadata."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in NEEDS:
            return ModuleSpec(name, Native(name, name))
        return _archive.find_spec(name) if path is None else None  # what has a path finds itself

    def find_distributions(self, context: DistributionFinder.Context) -> Iterator[Distribution]:
        from importlib.metadata import PathDistribution

        wanted = context.name and context.name.lower().replace("-", "_").replace(".", "_")
        for entry in sorted(name for name in DATA if name.endswith(".dist-info/METADATA")):
            folder = entry.rpartition("/")[0]
            if wanted is None or folder.partition("-")[0].lower() == wanted:
                yield PathDistribution(Entry(folder))


# ── what lies beside the modules ────────────────────────────────────────────────────────────────


class Archive(zipimporter):
    """Python's own would read the whole table of contents again for each file that is asked for."""

    def get_resource_reader(self, fullname: str) -> TraversableResources:  # type: ignore[override]
        return Resources(fullname.replace(".", "/"))


_archive = Archive(ARCHIVE)


class Resources(TraversableResources):
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def files(self) -> Traversable:
        return Entry(self._folder)


class Entry(Traversable):
    """A file or a folder of the archive. path: without a / at its end."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return self._path.rpartition("/")[2]

    def is_file(self) -> bool:
        return self._path in DATA

    def is_dir(self) -> bool:
        return not self.is_file() and any(self._below())

    def iterdir(self) -> Iterator[Traversable]:
        names = {name.partition("/")[0] for name in self._below()}
        return iter([self.joinpath(name) for name in sorted(names)])

    def joinpath(self, *names: str | os.PathLike[str]) -> Entry:
        return Entry("/".join((self._path, *map(str, names))))

    def __truediv__(self, name: str | os.PathLike[str]) -> Entry:
        return self.joinpath(name)

    @property
    def parent(self) -> Entry:
        return Entry(self._path.rpartition("/")[0])

    def read_bytes(self) -> bytes:
        if not self.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        return _archive.get_data(self._path)

    def read_text(self, encoding: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8")

    def open(self, mode: str = "r", *args: Any, **more: Any) -> Any:
        content = io.BytesIO(self.read_bytes())
        return content if "b" in mode else io.TextIOWrapper(content, *args, **more)

    def _below(self) -> Iterator[str]:
        start = f"{self._path}/"
        return (name.removeprefix(start) for name in DATA if name.startswith(start))

    def __str__(self) -> str:
        return f"{ARCHIVE}/{self._path}"


# ── native modules ──────────────────────────────────────────────────────────────────────────────


class Native(ExtensionFileLoader):
    """One of them. It becomes a file when it is imported, not when it is looked for."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        for library in NEEDS[self.name]:
            if library not in _loaded:
                _keybrake.load_library(_as_file(library))
                _loaded.add(library)
        self.path = spec.origin = _as_file(f"{self.name}.so")
        return super().create_module(spec)


def _as_file(name: str) -> str:
    """A path to what the archive has under this name. The file stays open for good: the loader
    takes two files of one path for the same."""
    file = _anonymous(name)
    left = memoryview(_archive.get_data(f"natives/{name}"))
    while left:
        left = left[os.write(file, left) :]
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALED)
    return f"/proc/self/fd/{file}"


def _anonymous(name: str) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | _MFD_NOEXEC_SEAL)
    except OSError as exc:
        if exc.errno != errno.EINVAL:  # an older kernel, which does not know the flag
            raise
        return os.memfd_create(name, flags)
