"""Writes docs/settings-reference.md from gateway.toml, where every setting is documented in place;
`gateway/run/changes.py` says what can change while the gateway runs.

    python -m docs.settings_reference        (make docs)

`tests/test_docs.py` holds the page to what this would write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from gateway.run.changes import keeping_fixed
from gateway.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "settings-reference.md"

_SECTION: Final = re.compile(r"\[([a-z_.]+)\]")
_SETTING: Final = re.compile(r"(#?)([a-z_]+) = (.+)")
_RULE: Final = "──"
"""Parts the file; what stands below it is about the table that follows."""
_UNITS: Final = {
    "_s": "seconds",
    "_m": "minutes",
    "_h": "hours",
    "_days": "days",
    "_percent": "percent",
    "_bytes": "bytes",
    "bytes_max": "bytes",
    "_rate_min": "bytes a second",
    "per_second_max": "a second",
    "per_minute": "a minute",
}
_HEAD: Final = """\
# Every setting

<!-- Written by `make docs` from gateway.toml. Do not edit. -->

The same words stand in [`gateway.toml`](../gateway.toml), beside each setting. What is behind those
of the vendors: [settings.md](settings.md). `keybrake config check` lists all mistakes at once, each
with its line; `keybrake config show` tells what is in force and where each value comes from.

**From the environment.** Every setting has a variable, which wins over the file: `server.listen` is
`KEYBRAKE__SERVER__LISTEN`, `vendors.stripe.base_url` is `KEYBRAKE__VENDORS__STRIPE__BASE_URL`.
Lists are separated by commas, tables are written `name=value,name=value`.

| variable | |
| --- | --- |
| `KEYBRAKE_ADMIN_KEY` | the admin key, 24 characters or more; the command line sends it, too |
| `KEYBRAKE_ADMIN_KEY_FILE` | a file that holds it |
| `KEYBRAKE_URL` | where the command line finds the gateway |
| `KEYBRAKE_PACKAGES` | of the one file only: folders with packages of your own ([binary][1]) |
| `KEYBRAKE_DEBUGGABLE` | set: profilers and debuggers of the same user may attach to the gateway |
| `NO_COLOR` | no colours on a terminal |

**Secrets** never stand in the file: a secret is `"env:NAME"` or `"file:PATH"`.

**While it runs.** At SIGHUP the settings are read again. The last column says what that puts in
force; a setting marked *restart* waits for one, and the log names it. Turning TLS on or off, and a
stand-in that does not run yet, wait for a restart, too.

[1]: ../deploy/binary/README.md
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. shipped: it is set in gateway.toml, and not a default."""

    name: str
    value: str
    about: str
    shipped: bool


@dataclass(slots=True)
class Section:
    """One table of gateway.toml. about: what stands before its name."""

    name: str
    about: str
    rows: list[Row] = field(default_factory=list)


def sections(text: str) -> Iterator[Section]:
    """As they stand in gateway.toml."""
    section: Section | None = None
    comment: list[str] = []
    for line in text.splitlines():
        setting = _SETTING.fullmatch(line)
        if found := _SECTION.fullmatch(line):
            if section is not None:
                yield section
            section, comment = Section(found[1], _prose(comment)), []
        elif setting is not None and section is not None:
            hidden, name, value = setting.groups()
            section.rows.append(Row(name, value, _prose(comment), not hidden))
            comment = []
        elif line.startswith("# "):
            comment.append(line[2:])
        elif not line and not any(_RULE in told for told in comment):
            comment = []
    if section is not None:
        yield section


def _prose(lines: list[str]) -> str:
    """A comment's lines as one paragraph, without the rules that part the file."""
    return " ".join(line for line in lines if _RULE not in line).replace("|", "\\|")


def unit_of(name: str) -> str:
    return next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")


def needs_restart(section: str, name: str) -> bool:
    """As `gateway/run/changes.py` decides it for a change of this setting alone."""
    if section.startswith("vendors"):
        return False
    files = Settings()
    old = replace(files, server=replace(files.server, tls_cert_file="old.pem"))
    part = getattr(old, section)
    new = replace(old, **{section: replace(part, **{name: "something else"})})
    return bool(getattr(getattr(keeping_fixed(old, new), section), name) == getattr(part, name))


def page(text: str) -> str:
    """The whole page. text: gateway.toml."""
    parts = [_HEAD]
    for section in sections(text):
        parts.append(f"\n## [{section.name}]\n")
        if section.about:
            parts.append(f"\n{section.about}\n")
        parts.append("\n| setting | default | unit | what it is | at SIGHUP |\n")
        parts.append("| --- | --- | --- | --- | --- |\n")
        parts += [f"{_row(section.name, row)}\n" for row in section.rows]
    return "".join(parts)


def _row(section: str, row: Row) -> str:
    value = f"`{row.value}`, as shipped" if row.shipped else f"`{row.value}`"
    when = "restart" if needs_restart(section, row.name) else "yes"
    return f"| `{row.name}` | {value} | {unit_of(row.name)} | {row.about} | {when} |"


def main() -> None:
    text = (ROOT / "gateway.toml").read_text(encoding="utf-8")
    PAGE.write_text(page(text), encoding="utf-8")


if __name__ == "__main__":
    main()
