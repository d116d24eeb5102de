"""The pages keep up with the code and with each other: codes, rules, settings, links."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from docs.settings_reference import PAGE as REFERENCE
from docs.settings_reference import page, sections
from gateway import errors
from gateway.dashboard.meaning import CAPS, CODES, RULES
from gateway.errors import AdminRefusal, Refusal
from gateway.settings import Secret, Settings, VendorSettings

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
ERRORS: Final = (DOCS / "errors.md").read_text(encoding="utf-8")
TOML: Final = (ROOT / "gateway.toml").read_text(encoding="utf-8")
NOT_OURS: Final = frozenset({"node_modules", "build", "dist", "var"})
PAGES: Final = sorted(
    found
    for found in (
        *DOCS.glob("*.md"),
        *ROOT.rglob("README.md"),
        ROOT / "CHANGELOG.md",
        ROOT / "SECURITY.md",
    )
    if not any(part in NOT_OURS or part.startswith(".") for part in found.relative_to(ROOT).parts)
)
_FENCED: Final = re.compile(r"(?ms)^```.*?^```$")
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_RULE: Final = re.compile(r'(?:RuleRefused\(\s*|rule=|RuleResult\(\s*f?)"([a-z_]+:?)')


def chapter(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """Of all its tables, without their heads."""
    found = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found]
    heads = {at - 1 for at, row in enumerate(cells) if set(row[0]) <= set("-: ")}
    return [row for at, row in enumerate(cells) if at not in heads and at - 1 not in heads]


# ── errors ──────────────────────────────────────────────────────────────────────────────────────


def leaves(of: type[Refusal]) -> Iterator[type[Refusal]]:
    """Refusals that are raised, and not only stood on."""
    below = [kind for kind in of.__subclasses__() if kind.__module__ == errors.__name__]
    for kind in below:
        yield from leaves(kind)
    if not below:
        yield of


def test_every_code_is_on_the_page_with_its_status() -> None:
    callers = {(k.status, k.code) for k in leaves(Refusal) if not issubclass(k, AdminRefusal)}
    admins = {(k.status, k.code) for k in leaves(AdminRefusal)}
    for title, there_are in (("All codes", callers), ("The admin side", admins)):
        told = rows(chapter(ERRORS, title))
        assert {(int(row[0]), row[1].strip("`")) for row in told} == there_are
        assert len(told) == len(there_are)


def test_a_code_means_what_the_dashboard_says() -> None:
    told = {row[1].strip("`"): (row[2], row[3]) for row in rows(chapter(ERRORS, "All codes"))}
    assert told == {code: (found.means, found.do) for code, found in CODES.items()}


def test_every_rule_is_on_the_page() -> None:
    code = [path.read_text() for top in ("gateway", "vendors") for path in source(top)]
    there_are = {rule for text in code for rule in _RULE.findall(text)}
    assert len(there_are) > 10
    told = {row[0].split("`")[1] for row in rows(chapter(ERRORS, "Rules of a key"))}
    assert told == there_are


def test_a_rule_means_what_the_dashboard_says() -> None:
    told = {row[0].split("`")[1]: row[1] for row in rows(chapter(ERRORS, "Rules of a key"))}
    of_calls = {rule: why for rule, why in told.items() if not why.startswith("(making a key)")}
    assert of_calls == RULES
    assert all(f"`{cap}`" in ERRORS for cap in CAPS)


def source(top: str) -> list[Path]:
    return sorted((ROOT / top).rglob("*.py"))


# ── settings ────────────────────────────────────────────────────────────────────────────────────


def test_the_reference_is_what_make_docs_writes() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == page(TOML), "make docs"


def defaults() -> dict[str, dict[str, Any]]:
    """Section -> setting -> default, of all that gateway/settings.py knows."""
    settings = Settings()
    found = {
        part.name: values_of(getattr(settings, part.name))
        for part in fields(settings)
        if is_dataclass(getattr(settings, part.name))
    }
    vendor = values_of(VendorSettings("stripe", "https://api.stripe.com"))
    return found | {"vendors.stripe": {n: v for n, v in vendor.items() if n not in _PARTS}}


_PARTS: Final = ("name", "accounts")
"""A vendor's name is its table's, its accounts are tables of their own."""


def values_of(part: Any) -> dict[str, Any]:
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    assert not any(isinstance(value, Secret) for value in values.values())
    return {n: list(v) if isinstance(v, tuple) else v for n, v in values.items()}


def test_gateway_toml_has_every_setting_at_its_default() -> None:
    shown = {
        section.name: {
            row.name: tomllib.loads(f"it = {row.value}")["it"]
            for row in section.rows
            if not row.shipped
        }
        for section in sections(TOML)
    }
    for name, there_are in defaults().items():
        assert shown[name] | {"sandbox": False} == there_are | {"sandbox": False}


def test_every_setting_is_explained() -> None:
    explained = [row for section in sections(TOML) for row in section.rows if row.about]
    assert len(explained) > 60
    assert [
        f"{section.name}.{row.name}"
        for section in sections(TOML)
        if not section.name.startswith("vendors.")
        for row in section.rows
        if not row.about
    ] == []


# ── links ───────────────────────────────────────────────────────────────────────────────────────


def anchors(path: Path) -> set[str]:
    """Of the headings of a page, as GitHub makes them."""
    text = _FENCED.sub("", path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for title in re.findall(r"(?m)^#+ (.+)$", text):
        plain = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", title).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    text = _FENCED.sub("", path.read_text(encoding="utf-8"))
    dead = []
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_the_index_has_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    named = {link.partition("#")[0] for link in _LINK.findall(index)}
    assert {path.name for path in DOCS.glob("*.md")} - {"README.md"} <= named
