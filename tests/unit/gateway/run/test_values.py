"""One value at a time: types, ranges, forms."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

import pytest

from gateway.run import values
from gateway.settings import (
    DashboardSettings,
    LedgerSettings,
    LogSettings,
    MoneySettings,
    ReconcilerSettings,
    ServerSettings,
    VendorSettings,
)

SECTIONS: dict[str, Any] = {
    "server": ServerSettings,
    "ledger": LedgerSettings,
    "money": MoneySettings,
    "reconciler": ReconcilerSettings,
    "dashboard": DashboardSettings,
    "log": LogSettings,
    "vendors.*": VendorSettings,
}


def test_every_number_has_a_range_that_holds_its_default() -> None:
    numbers: dict[str, float] = {}
    for section, kind in SECTIONS.items():
        hints = get_type_hints(kind)
        for field in dataclasses.fields(kind):
            if hints[field.name] in (int, float):
                numbers[f"{section}.{field.name}"] = field.default  # type: ignore[assignment]
    assert set(numbers) == set(values.RANGES)
    for name, default in numbers.items():
        low, high = values.RANGES[name]
        assert low <= default <= high, name


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (str, "x", "x"),
        (int, "12", 12),
        (int, "-1", -1),
        (float, "1.5", 1.5),
        (bool, "ON", True),
        (bool, "no", False),
        (tuple[str, ...], "a, b,", ("a", "b")),
    ],
)
def test_text_of_the_environment(kind: Any, text: str, value: object) -> None:
    assert values.read_value(kind, text, from_text=True) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [(int, "1_0"), (int, "１"), (int, ""), (float, "1e6"), (float, "nan"), (bool, "maybe")],
)
def test_text_that_is_refused(kind: Any, text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        values.read_value(kind, text, from_text=True)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (str, 1),
        (int, True),
        (int, 1.0),
        (float, True),
        (float, "1"),
        (float, float("inf")),
        (bool, 1),
        (tuple[str, ...], "a"),
        (tuple[str, ...], [1]),
    ],
)
def test_toml_of_the_wrong_type(kind: Any, value: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        values.read_value(kind, value, from_text=False)


def test_a_whole_number_is_a_number() -> None:
    assert values.read_value(float, 3, from_text=False) == 3.0


@pytest.mark.parametrize("text", ["127.0.0.1:0", "[::1]:8080", "gw.example.com:65535"])
def test_addresses(text: str) -> None:
    values.check_address(text)


@pytest.mark.parametrize("text", ["", "8080", ":8080", "host:", "host:65536", "::1:80", "h:８"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|brackets"):
        values.check_address(text)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.stripe.com",
        "https://gw.example.com:8443/stripe/x",
        "http://127.0.0.1:9",
        "http://[::1]:9/a",
        "http://localhost",
    ],
)
def test_urls(url: str) -> None:
    values.check_url(url, plain_http=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.stripe.com",
        "ftp://a.example.com",
        "https://",
        "https://a.example.com:99999",
        "https://user:pass@a.example.com",
        "https://a.example.com?x=1",
        "https://a.example.com/#",
        "https://a.example.com/a b",
        "https://a.example.com\\@evil.example.com/",
        "https://a.example.com/%2e",
        "https://a.example.com//x",
        "https://a.example.com/x/..",
        "http://a.example.com",
        "http://10.0.0.1",
        "https://[::1",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must|has|plain"):
        values.check_url(url, plain_http=False)


def test_plain_http_where_it_is_allowed() -> None:
    values.check_url("http://a.example.com", plain_http=True)


@pytest.mark.parametrize("text", ["0", "2", "1.5", "100"])
def test_percents(text: str) -> None:
    values.check_percent(text)


@pytest.mark.parametrize("text", ["", "-1", "101", "1e1", "2%", "NaN"])
def test_percents_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        values.check_percent(text)


def test_databases() -> None:
    values.check_databases(("sqlite:a", "sqlite:b"))
    for wrong in [(), ("a",), ("sqlite:",), ("postgresql://x",), ("sqlite:a", "sqlite:a")]:
        with pytest.raises(ValueError, match=r"shard|sqlite|twice"):
            values.check_databases(wrong)


def test_pairs() -> None:
    assert values.read_pairs("a=b, c=d=e") == {"a": "b", "c": "d=e"}
    with pytest.raises(ValueError, match="name=value"):
        values.read_pairs("a")


def test_files() -> None:
    values.check_file("")
    values.check_file(__file__)
    with pytest.raises(ValueError, match="no such file"):
        values.check_file(__file__ + "x")


def test_networks() -> None:
    values.check_networks(())
    values.check_networks(("10.0.0.0/8", "192.0.2.7", "fd00::/8", "::1"))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("10.0.0.1/8", "10.0.0.1/8 is no address and no network: is 10.0.0.0/8 meant?"),
        ("balancer", "balancer is no address and no network: such as 10.0.0.7 or 10.0.0.0/8"),
        ("", " is no address and no network: such as 10.0.0.7 or 10.0.0.0/8"),
    ],
)
def test_networks_that_are_none(value: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        values.check_networks(("192.0.2.7", value))
    assert str(caught.value) == why
