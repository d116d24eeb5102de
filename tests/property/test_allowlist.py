"""Allowlists beside a plain reading of their rules: segment by segment, and sets of paths for
containment."""

from __future__ import annotations

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from gateway.vault.allowlist import Allowlist

NAMES = ("a", "b", "fresh")
PARTS = st.sampled_from(("a", "b", "*"))
ENTRIES = st.builds(
    lambda method, parts, tail: f"{method} /" + "/".join([*parts, *tail]),
    st.sampled_from(("GET", "POST")),
    st.lists(PARTS, min_size=1, max_size=3),
    st.sampled_from(((), ("**",))),
)
LISTS = st.lists(ENTRIES, max_size=4)
PATHS = [parts for depth in range(1, 7) for parts in product(NAMES, repeat=depth)]


def allowed_by_the_rules(entry: str, method: str, parts: tuple[str, ...]) -> bool:
    wanted, _, path = entry.partition(" /")
    pattern = path.split("/")
    if wanted != method:
        return False
    if pattern[-1] == "**":
        pattern = pattern[:-1]
        if len(parts) <= len(pattern):
            return False
        parts = parts[: len(pattern)]
    return len(parts) == len(pattern) and all(
        p in ("*", s) for p, s in zip(pattern, parts, strict=True)
    )


@given(LISTS, st.sampled_from(("GET", "POST")), st.sampled_from(PATHS))
def test_allows_says_what_the_rules_say(
    entries: list[str], method: str, parts: tuple[str, ...]
) -> None:
    expected = any(allowed_by_the_rules(entry, method, parts) for entry in entries)
    assert Allowlist.parse(entries).allows(method, "/" + "/".join(parts)) is expected


@given(LISTS, ENTRIES)
def test_covers_is_containment_of_the_paths(entries: list[str], entry: str) -> None:
    """Six levels and one name that no entry has tell all lists of this size apart."""
    wide = Allowlist.parse(entries)
    method = entry.partition(" ")[0]
    contained = all(
        wide.allows(method, "/" + "/".join(parts))
        for parts in PATHS
        if allowed_by_the_rules(entry, method, parts)
    )
    assert wide.covers(Allowlist.parse([entry])) is contained
