"""Files that hold secrets or books, and who else on this machine may read or change them. Looks at
modes alone; nothing is opened.

The gateway makes its own files 0600 in a folder 0700, so what is found here was copied or put there
by hand. A file of root's may be its group's to read: that is how a service's user is let at it.
"""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gateway.run.commands.checks import Finding
from gateway.settings import Settings
from ledger.layout import KEY_NAME

ROOT: Final = 0
OWNERS: Final = stat.S_IRWXU
GROUP_READS: Final = stat.S_IRGRP
READ_OR_WRITE: Final = stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH | stat.S_IWOTH
THROUGH: Final = stat.S_IXGRP | stat.S_IXOTH


def findings(settings: Settings, secrets: Mapping[str, str]) -> Iterator[Finding]:
    """secrets: the files that the settings name for them, by what each is for."""
    private = {name: Path(file) for name, file in secrets.items()}
    if settings.server.tls_cert_file:
        name = "tls_key_file" if settings.server.tls_key_file else "tls_cert_file"
        private[f"server.{name}"] = Path(getattr(settings.server, name))
    looked_at = [*private.items(), *_books(settings)]
    found = [told for name, file in looked_at if (told := _finding(name, file)) is not None]
    yield from found or [
        Finding("ok", "files", "secrets and books are nobody else's to read or change")
    ]


def _books(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Journals, their archives and key, and the audit log, each with what SQLite puts beside it."""
    shards = [Path(shard.partition(":")[2]) for shard in settings.ledger.shards]
    for folder in dict.fromkeys(shard.parent for shard in shards):
        yield "the ledger's key", folder / KEY_NAME
    for name, database in (
        *(("the ledger", shard) for shard in shards),
        ("the audit log", Path(settings.ledger.audit.partition(":")[2])),
    ):
        for file in sorted(database.parent.glob(f"{database.stem}.*")):
            yield name, file


def _finding(name: str, file: Path) -> Finding | None:
    """None: it is closed to others, or is not there, or is not ours to look at."""
    try:
        file = file.resolve(strict=True)  # systemd and Kubernetes put links where a secret is named
        held = file.stat()
        is_shut = any(not folder.stat().st_mode & THROUGH for folder in file.parents)
    except OSError:
        return None
    mode = stat.S_IMODE(held.st_mode)
    allowed = OWNERS | (GROUP_READS if held.st_uid == ROOT else 0)
    if is_shut or not mode & READ_OR_WRITE & ~allowed:
        return None
    return Finding(
        "warn", "files", f"{name}: {file} is open to others on this machine, mode {mode:04o}",
        f"chmod {mode & allowed:o} {shlex.quote(str(file))}, as its owner",
    )  # fmt: skip
