"""What a scraper reads at /metrics: plain ints that the hot path raises, and text made when
somebody asks.

Everything lives on the event loop, so a counter is an attribute (`calls.value += 1`, some 30 ns)
and needs no lock. What other parts count for themselves (the ledger, pools, sockets) is read at
scrape time by a family's `read`. Names, units and forms follow Prometheus' text format 0.0.4: base
units (seconds, bytes, USD), counters end in `_total`; USD is printed as an exact decimal. A label
is a vendor, an account of the settings, a state or a code: never a key, a run or a path.

Prometheus' own client library would not do better here: its counters lock (1 us each), and it
would be one more package that sees every call.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

SERIES_MAX: Final = 200
"""Values that one label may take; what comes later is counted as `other`, so that nobody can fill
memory."""

LATENCY_BOUNDS_US: Final = (
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000,
    250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
)  # fmt: skip
"""From our own share of a call (0.3 ms) to the longest a vendor may take (60 s)."""

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"

Number = int | float | str
"""A string is a number already written."""
Sample = tuple[str, str, Number]
"""Suffix of the name, labels as they are printed, number."""
Series = tuple[tuple[str, ...], Number]
"""The labels' values, number."""


class Counter:
    """A number that only grows. Add to `value`."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Histogram:
    """How long things took: a count for each bucket, and their sum in microseconds."""

    __slots__ = ("_bounds", "counts", "sum_us")

    def __init__(self, bounds_us: tuple[int, ...] = LATENCY_BOUNDS_US) -> None:
        self._bounds = bounds_us
        self.counts = [0] * (len(bounds_us) + 1)
        self.sum_us = 0

    def observe(self, duration_us: int) -> None:
        self.counts[bisect_left(self._bounds, duration_us)] += 1
        self.sum_us += duration_us

    def samples(self) -> Iterator[tuple[str, str, int | float]]:
        """(suffix, bound as a label, number): cumulative buckets, then sum and count, in
        seconds."""
        total = 0
        for bound, count in zip(self._bounds, self.counts, strict=False):
            total += count
            yield "_bucket", f"{bound / 1_000_000:g}", total
        total += self.counts[-1]
        yield "_bucket", "+Inf", total
        yield "_sum", "", self.sum_us / 1_000_000
        yield "_count", "", total


class Counters(dict[str, Counter]):
    """Counters by the value of one label: `refusals["daily_cap_exceeded"].value += 1`."""

    __slots__ = ()

    def __missing__(self, value: str) -> Counter:
        if len(self) >= SERIES_MAX and value != "other":
            return self["other"]
        counter = self[value] = Counter()
        return counter


class Page:
    """Families of numbers, by name, and the text they become."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, str, Callable[[], Iterable[Sample]]]] = {}

    def counter(self, name: str, text: str) -> Counter:
        counter = Counter()
        self._add(name, "counter", text, lambda: [("", "", counter.value)])
        return counter

    def counters(self, name: str, text: str, label: str) -> Counters:
        counters = Counters()

        def read() -> list[Series]:
            return [((value,), counter.value) for value, counter in sorted(counters.items())]

        self.family("counter", name, text, (label,), read)
        return counters

    def gauge(self, name: str, text: str, read: Callable[[], Number]) -> None:
        """read: gives the number as it is now."""
        self._add(name, "gauge", text, lambda: [("", "", read())])

    def family(
        self,
        kind: str,
        name: str,
        text: str,
        labels: tuple[str, ...],
        read: Callable[[], Iterable[Series]],
    ) -> None:
        """Numbers by labels, read at scrape time. kind: counter or gauge."""
        self._add(
            name,
            kind,
            text,
            lambda: [("", _labels(labels, values), number) for values, number in read()],
        )

    def summary(self, name: str, text: str, read: Callable[[], tuple[int | float, int]]) -> None:
        """A sum in seconds and how many it is of. name: ends in `_seconds`."""

        def samples() -> list[Sample]:
            total_s, count = read()
            return [("_sum", "", float(total_s)), ("_count", "", count)]

        self._add(name, "summary", text, samples)

    def histogram(self, name: str, text: str) -> Histogram:
        """name: ends in `_seconds`."""
        histogram = Histogram()
        self.histograms(name, text, (), lambda: [((), histogram)])
        return histogram

    def histograms(
        self,
        name: str,
        text: str,
        labels: tuple[str, ...],
        read: Callable[[], Iterable[tuple[tuple[str, ...], Histogram]]],
    ) -> None:
        def samples() -> Iterator[Sample]:
            for values, histogram in read():
                plain, bounded = _labels(labels, values), (*labels, "le")
                for end, bound, number in histogram.samples():
                    yield end, _labels(bounded, (*values, bound)) if bound else plain, number

        self._add(name, "histogram", text, samples)

    def render(self) -> bytes:
        """The whole page."""
        lines: list[str] = []
        for name, (kind, text, samples) in self._families.items():
            lines += (f"# HELP {name} {text}", f"# TYPE {name} {kind}")
            lines += (f"{name}{end}{labels} {_number(value)}" for end, labels, value in samples())
        return ("\n".join(lines) + "\n").encode()

    def _add(
        self, name: str, kind: str, text: str, samples: Callable[[], Iterable[Sample]]
    ) -> None:
        assert name not in self._families, name
        self._families[name] = (kind, text, samples)


class Called(Protocol):
    """What is counted of a call that is over. code: of our refusal; None: it was carried."""

    @property
    def vendor(self) -> str: ...
    @property
    def decision(self) -> str: ...
    @property
    def code(self) -> str | None: ...
    @property
    def cost_micros(self) -> int: ...


class VendorCalls:
    """One vendor's calls that are over."""

    __slots__ = ("allowed", "cost_micros", "own", "refused", "whole")

    def __init__(self) -> None:
        self.allowed = 0
        self.refused = 0
        self.cost_micros = 0
        self.whole = Histogram()
        self.own = Histogram()


class _ByVendor(dict[str, VendorCalls]):
    """Names come from keys, and those from the settings: there are only so many."""

    __slots__ = ()

    def __missing__(self, vendor: str) -> VendorCalls:
        row = self[vendor] = VendorCalls()
        return row


class Metrics:
    """What this process counts on its calls' way. page: where other parts add their own."""

    __slots__ = ("_refusals", "_vendors", "drift", "page", "real_keys")

    def __init__(self) -> None:
        self.page = page = Page()
        self._vendors = rows = _ByVendor()
        page.family(
            "counter",
            "keybrake_calls_total",
            "Calls with a known key that are over. refused: by the gateway.",
            ("vendor", "decision"),
            lambda: [
                ((vendor, decision), count)
                for vendor, row in sorted(rows.items())
                for decision, count in (("allowed", row.allowed), ("refused", row.refused))
            ],
        )
        self._refusals = page.counters("keybrake_refusals_total", "Refusals, by code.", "code")
        self.real_keys: dict[tuple[str, str], int] = {}
        page.family(
            "counter",
            "keybrake_real_keys_seen_total",
            "Requests that bore an account's real key, or the admin's, as a vault key.",
            ("vendor", "account"),
            lambda: sorted(self.real_keys.items()),
        )
        page.family(
            "counter",
            "keybrake_cost_usd_total",
            "What calls cost, as far as it was known when they ended.",
            ("vendor",),
            lambda: [((vendor,), usd(row.cost_micros)) for vendor, row in sorted(rows.items())],
        )
        self.drift = Counter()
        page._add(
            "keybrake_drift_usd_total",
            "counter",
            "What vendors declared above what was held.",
            lambda: [("", "", usd(self.drift.value))],
        )
        page.histograms(
            "keybrake_call_seconds",
            "From a call's head to its answer.",
            ("vendor",),
            lambda: [((vendor,), row.whole) for vendor, row in sorted(rows.items())],
        )
        page.histograms(
            "keybrake_own_seconds",
            "The gateway's share of it: without the time that the vendor took.",
            ("vendor",),
            lambda: [((vendor,), row.own) for vendor, row in sorted(rows.items())],
        )

    def expect(self, vendors: Iterable[str]) -> None:
        """Their numbers show from the start, as 0."""
        for vendor in vendors:
            self._vendors[vendor]

    def refused(self, code: str) -> None:
        """A refusal before a key was known."""
        self._refusals[code].value += 1

    def called(self, record: Called, duration_us: int, vendor_us: int) -> None:
        """A call with a known key is over, however it went. vendor_us: how much of its duration
        was spent waiting for the vendor."""
        row = self._vendors[record.vendor]
        if record.decision == "allowed":
            row.allowed += 1
        else:
            row.refused += 1
        if record.code is not None:
            self._refusals[record.code].value += 1
        row.cost_micros += record.cost_micros
        row.whole.observe(duration_us)
        row.own.observe(duration_us - vendor_us)

    def render(self) -> bytes:
        return self.page.render()


def usd(micros: int) -> str:
    """An exact decimal."""
    whole, rest = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}{whole}.{rest:06d}"


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: Number) -> str:
    return value if isinstance(value, str) else repr(value)
