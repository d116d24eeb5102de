"""Compiles what a call passes through to native code: `-m deploy.binary.hot SOURCE SITE WORK`.

mypyc makes C of typed modules as they are, so there is one source, which an installed gateway runs
and tests read; the binary runs the same in a third less CPU. SOURCE is the house, SITE is where it
is installed and gets a native module beside each that is listed here, WORK is a folder for the C.
In SOURCE they get the constructors of their dataclasses first (`constructors.py`), and lose three
slow ways (`shortcuts.py`).

Left to the interpreter, though calls pass: protocols of asyncio's transports and what inherits from
libraries, which have to be ordinary classes; `vendors/values.py`, `plain.py` and the vendors
themselves, from which vendors of other people inherit; keys and upstreams, which are referred to
weakly; asynchronous generators, for which there is no C.

Compiled code takes types at their word, so what is listed here keeps to four rules, which tests of
the binary notice when they are broken: a class inherits from a compiled one only when it is
compiled too; no `cast` says what is not so; each kind of exception has a name of its own in a
function; and what may be a whole number is no `float`, for it would become one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from mypyc.build import mypycify

from deploy.binary.constructors import Unwritten, written_out
from deploy.binary.shortcuts import shortened, survey

HOT: Final = {
    "gateway": "clock ids metrics",
    "gateway/call": """admission answers audit bodies books journey lanes objects pricing proxy
        record remarks restores retries routes runheaders sending settling stored turnstile""",
    "gateway/http": """answers body bodygate connection headgate message outflow secondreader
        service""",
    "gateway/run": "calllines lines",
    "gateway/upstream": "answerhead direct exchange order scrub stream",
    "gateway/vault": "allowlist bars paths rules runs secrets",
    "ledger": """account batch book codec days entries hold journal memory shard shelf standing
        state""",
    "vendors": "form money rates",
    "vendors/stripe": """asked catalogue currencies intents quote reading settle things
        verdicts""",
}
"""By folder."""
PACKAGES: Final = ("gateway", "ledger", "vendors")
GROUP: Final = "keybrake"
"""All of them are one library, `keybrake__mypyc`, in which they call each other as C does."""
COMPILE: Final = ("gcc", "-c", "-O2", "-fPIC", "-fvisibility=hidden", "-fno-strict-overflow", "-w")
LINK: Final = ("gcc", "-shared", "-s", "-Wl,--build-id=none")


class Failed(Exception):
    """What a tool of the build had to say."""


def main(source: Path, site: Path, work: Path) -> None:
    os.chdir(source)  # names of files in tracebacks are as in the checkout
    house = survey(path for package in PACKAGES for path in Path(package).rglob("*.py"))
    for path in map(Path, hot_files()):
        text = shortened(path.read_text("utf-8"), path, house)
        path.write_text(written_out(text), "utf-8")
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for name, objects in _modules(work):
        _told(*LINK, *objects, "-o", str(site / (name.replace(".", "/") + suffix)))


def hot_files() -> Iterator[str]:
    """As they lie in the checkout. Raises Failed for one that is not there any more."""
    for folder, names in HOT.items():
        for name in names.split():
            if not Path(folder, f"{name}.py").is_file():
                raise Failed(f"{folder}/{name}.py is listed in deploy/binary/hot.py, and not there")
            yield f"{folder}/{name}.py"


def _modules(work: Path) -> list[tuple[str, list[str]]]:
    """Native modules by name, with the objects that each is linked from."""
    shutil.rmtree(work, ignore_errors=True)
    flags = ["--strict", "--explicit-package-bases"]
    made = mypycify([*flags, *hot_files()], group_name=GROUP, multi_file=True, target_dir=str(work))
    with ThreadPoolExecutor(os.cpu_count()) as cores:
        return [
            (module.name, list(cores.map(partial(_object, module.include_dirs), module.sources)))
            for module in made
        ]


def _object(include: list[str], file: str) -> str:
    folders = (f"-I{folder}" for folder in (*include, sysconfig.get_path("include")))
    _told(*COMPILE, *folders, file, "-o", f"{file}.o")
    return f"{file}.o"


def _told(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip()[-2_000:]}")


if __name__ == "__main__":
    try:
        main(*(Path(name).resolve() for name in sys.argv[1:]))
    except (Failed, Unwritten) as exc:
        sys.exit(f"make binary: {exc}")
