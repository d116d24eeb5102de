"""What a scraper reads at /metrics: plain ints that the hot path raises, and text made when
somebody asks.

Everything lives on the event loop, so a counter is an attribute (`calls.value += 1`, some 30 ns)
and needs no lock. What other parts count for themselves (the ledger, pools, sockets) is read at
scrape time through `gauge` and `source`. Names, units and forms follow Prometheus' text format
0.0.4.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
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

    def samples(self) -> Iterator[tuple[str, str, float]]:
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

    __slots__ = ("label",)

    def __init__(self, label: str) -> None:
        super().__init__()
        self.label = label

    def __missing__(self, value: str) -> Counter:
        if len(self) >= SERIES_MAX and value != "other":
            return self["other"]
        counter = self[value] = Counter()
        return counter


class _Family(Protocol):
    def __call__(self) -> Iterable[tuple[str, str, float]]: ...  # (suffix, labels, number)


class Page:
    """Families of numbers, by name, and the text they become."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, str, _Family]] = {}
        self._sources: list[tuple[str, Callable[[], Mapping[str, float]]]] = []

    def counter(self, name: str, text: str) -> Counter:
        counter = Counter()
        self._add(name, "counter", text, lambda: [("", "", counter.value)])
        return counter

    def counters(self, name: str, text: str, label: str) -> Counters:
        counters = Counters(label)

        def samples() -> list[tuple[str, str, float]]:
            rows = sorted(counters.items())
            return [("", _labels(label, value), counter.value) for value, counter in rows]

        self._add(name, "counter", text, samples)
        return counters

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """read: gives the number as it is now."""
        self._add(name, "gauge", text, lambda: [("", "", read())])

    def histogram(self, name: str, text: str) -> Histogram:
        """name: ends in `_seconds`."""
        histogram = Histogram()

        def samples() -> list[tuple[str, str, float]]:
            rows = histogram.samples()
            return [
                (end, _labels("le", bound) if bound else "", number) for end, bound, number in rows
            ]

        self._add(name, "histogram", text, samples)
        return histogram

    def source(self, prefix: str, read: Callable[[], Mapping[str, float]]) -> None:
        """A part that counts for itself: its numbers show as `prefix_name`, untyped."""
        self._sources.append((prefix, read))

    def render(self) -> bytes:
        """The whole page."""
        lines: list[str] = []
        for name, (kind, text, samples) in self._families.items():
            lines += (f"# HELP {name} {text}", f"# TYPE {name} {kind}")
            lines += (f"{name}{end}{labels} {_number(value)}" for end, labels, value in samples())
        for prefix, read in self._sources:
            lines += (f"{prefix}_{name} {_number(value)}" for name, value in sorted(read().items()))
        return ("\n".join(lines) + "\n").encode()

    def _add(self, name: str, kind: str, text: str, samples: _Family) -> None:
        assert name not in self._families, name
        self._families[name] = (kind, text, samples)


class Called(Protocol):
    """What is counted of a call that is over. code: of our refusal; None: it was carried."""

    @property
    def code(self) -> str | None: ...
    @property
    def cost_micros(self) -> int: ...


class Metrics:
    """What this process counts on its calls' way. page: where other parts add their own."""

    __slots__ = ("_calls", "_cost", "_refusals", "_seconds", "drift", "page")

    def __init__(self) -> None:
        self.page = Page()
        self._calls = self.page.counter("keybrake_calls_total", "Calls with a known key.")
        self._refusals = self.page.counters("keybrake_refusals_total", "Refusals, by code.", "code")
        self._cost = self.page.counter("keybrake_cost_micros_total", "Costs booked, in micro-USD.")
        self.drift = self.page.counter(
            "keybrake_drift_micros_total", "Micro-USD that vendors declared above their holds."
        )
        self._seconds = self.page.histogram("keybrake_call_seconds", "From head to answer.")

    def refused(self, code: str) -> None:
        """A refusal before a key was known."""
        self._refusals[code].value += 1

    def called(self, record: Called, duration_us: int) -> None:
        """A call with a known key is over, however it went."""
        self._calls.value += 1
        if record.code is not None:
            self._refusals[record.code].value += 1
        self._cost.value += record.cost_micros
        self._seconds.observe(duration_us)

    def render(self) -> bytes:
        return self.page.render()


def _labels(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{{{name}="{escaped}"}}'


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))
