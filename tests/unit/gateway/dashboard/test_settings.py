"""Settings as a person would write them, by their table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gateway.dashboard.settings import sections, text_of


@dataclass(frozen=True)
class One:
    name: str
    value: Any
    origin: str = "default"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("", "–"),
        ((), "–"),
        ({}, "–"),
        (True, "true"),
        (False, "false"),
        (10_000, "10_000"),
        (0, "0"),
        (2.0, "2"),
        (0.25, "0.25"),
        (["a", "b"], "a, b"),
        ({"files": "https://x"}, "files = https://x"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
    ],
)
def test_values(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_a_table_is_one_section_wherever_its_rows_stand() -> None:
    shown = [
        One("vendors.stripe.base_url", "x"),
        One("vendors.stripe.accounts.default.secret", "[secret]", "gateway.toml:3"),
        One("vendors.stripe.sandbox", False),
        One("admin_key", "[secret]"),
    ]
    found = [(section, [row["name"] for row in rows]) for section, rows in sections(shown)]
    assert found == [
        ("vendors.stripe", ["base_url", "sandbox"]),
        ("vendors.stripe.accounts.default", ["secret"]),
        ("admin key", ["admin_key"]),
    ]
