"""Numbers that are scraped."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.metrics import SERIES_MAX, Histogram, Metrics, Page, usd


def test_the_page_has_every_kind() -> None:
    metrics = Page()
    calls = metrics.counter("keybrake_calls_total", "Calls.")
    refusals = metrics.counters("keybrake_refusals_total", "Refusals.", "code")
    metrics.gauge("keybrake_connections", "Open connections.", lambda: 3)
    metrics.summary("keybrake_commit_seconds", "Commits.", lambda: (0.5, 7))
    money = [(("stripe", "held"), usd(-1_500_000)), (("resend", "held"), usd(12))]
    metrics.family("gauge", "keybrake_open_usd", "USD.", ("vendor", "state"), lambda: money)
    calls.value += 2
    refusals["b"].value += 1
    refusals["a"].value += 1
    assert metrics.render().decode().splitlines() == [
        "# HELP keybrake_calls_total Calls.",
        "# TYPE keybrake_calls_total counter",
        "keybrake_calls_total 2",
        "# HELP keybrake_refusals_total Refusals.",
        "# TYPE keybrake_refusals_total counter",
        'keybrake_refusals_total{code="a"} 1',
        'keybrake_refusals_total{code="b"} 1',
        "# HELP keybrake_connections Open connections.",
        "# TYPE keybrake_connections gauge",
        "keybrake_connections 3",
        "# HELP keybrake_commit_seconds Commits.",
        "# TYPE keybrake_commit_seconds summary",
        "keybrake_commit_seconds_sum 0.5",
        "keybrake_commit_seconds_count 7",
        "# HELP keybrake_open_usd USD.",
        "# TYPE keybrake_open_usd gauge",
        'keybrake_open_usd{vendor="stripe",state="held"} -1.500000',
        'keybrake_open_usd{vendor="resend",state="held"} 0.000012',
    ]


def test_buckets_are_cumulative_and_hold_their_bound() -> None:
    histogram = Histogram((1_000, 2_000))
    for duration_us in (1, 1_000, 1_001, 5_000_000):
        histogram.observe(duration_us)
    assert list(histogram.samples()) == [
        ("_bucket", "0.001", 2),
        ("_bucket", "0.002", 3),
        ("_bucket", "+Inf", 4),
        ("_sum", "", 5.002002),
        ("_count", "", 4),
    ]


def test_a_histogram_on_the_page() -> None:
    metrics = Page()
    metrics.histogram("keybrake_call_seconds", "Time.").observe(700)
    page = metrics.render().decode()
    assert 'keybrake_call_seconds_bucket{le="0.0005"} 0\n' in page
    assert 'keybrake_call_seconds_bucket{le="0.001"} 1\n' in page
    assert "keybrake_call_seconds_sum 0.0007\n" in page
    assert "keybrake_call_seconds_count 1\n" in page


def test_a_label_cannot_break_out_of_its_line_or_fill_memory() -> None:
    metrics = Page()
    counters = metrics.counters("x_total", "X.", "code")
    counters['a"\n\\'].value += 1
    assert 'x_total{code="a\\"\\n\\\\"} 1\n' in metrics.render().decode()
    for number in range(2 * SERIES_MAX):
        counters[f"code{number}"].value += 1
    assert len(counters) == SERIES_MAX + 1
    assert counters["other"].value == SERIES_MAX + 1


@dataclass
class Call:
    vendor: str = "stripe"
    decision: str = "allowed"
    code: str | None = None
    cost_micros: int = 0


def test_calls_are_counted_however_they_went() -> None:
    metrics = Metrics()
    metrics.refused("key_unknown")
    metrics.called(Call(cost_micros=12_000_000), 3_000, 2_700)
    metrics.called(Call(decision="refused", code="daily_cap_exceeded"), 400, 0)
    metrics.called(Call(vendor="twilio", code="vendor_timeout"), 30_000_000, 29_999_000)
    metrics.drift.value += 5
    page = metrics.render().decode()
    assert 'keybrake_calls_total{vendor="stripe",decision="allowed"} 1\n' in page
    assert 'keybrake_calls_total{vendor="stripe",decision="refused"} 1\n' in page
    assert 'keybrake_calls_total{vendor="twilio",decision="allowed"} 1\n' in page
    assert 'keybrake_cost_usd_total{vendor="stripe"} 12.000000\n' in page
    assert "keybrake_drift_usd_total 0.000005\n" in page
    assert 'keybrake_refusals_total{code="daily_cap_exceeded"} 1\n' in page
    assert 'keybrake_refusals_total{code="key_unknown"} 1\n' in page
    assert 'keybrake_call_seconds_sum{vendor="stripe"} 0.0034\n' in page
    assert 'keybrake_own_seconds_bucket{vendor="stripe",le="0.00025"} 0\n' in page
    assert 'keybrake_own_seconds_sum{vendor="stripe"} 0.0007\n' in page
