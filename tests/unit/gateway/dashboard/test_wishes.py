"""Which calls an address asks for."""

from __future__ import annotations

from urllib.parse import parse_qs

from gateway.dashboard.forms import read_form
from gateway.dashboard.wishes import NAMES, read_wishes
from gateway.vault.fields import read_moment
from ledger.history import Filters

NOW_US = 1_795_422_903_250_000  # 2026-11-23T08:35:03.25Z


def test_filters_and_span_are_read_and_lead_back() -> None:
    query = read_form("run=a%2F1&code=&state=settled&x=1&range=24h&key_id=%20vk_1%20")
    wishes = read_wishes(query, NOW_US)
    assert wishes.given == {"run": "a/1", "key_id": "vk_1", "state": "settled"}
    assert wishes.query == {**wishes.given, "range": "24h"}
    span = wishes.span
    assert wishes.filters == Filters(
        run="a/1", key_id="vk_1", state="settled", since_us=span.since_us, until_us=span.until_us
    )
    assert not wishes.is_plain


def test_the_admin_side_is_asked_for_the_same_to_the_microsecond() -> None:
    wishes = read_wishes(read_form("run=a%26b"), NOW_US)
    asked = parse_qs(wishes.asked, strict_parsing=True)
    assert asked["run"] == ["a&b"]
    assert read_moment(asked["since"][0]) == wishes.span.since_us
    assert "until" not in asked
    assert wishes.is_plain
    typed = read_wishes(read_form("from=2026-11-01&to=2026-11-02T12:00"), NOW_US)
    asked = parse_qs(typed.asked, strict_parsing=True)
    assert read_moment(asked["until"][0]) == typed.span.until_us


def test_every_filter_of_the_log_has_a_name() -> None:
    assert {f for f in Filters.__dataclass_fields__ if not f.endswith("_us")} == set(NAMES)


def test_what_is_longer_than_any_value_is_cut() -> None:
    assert len(read_wishes(read_form("run=" + "x" * 9_000), NOW_US).given["run"]) == 301
