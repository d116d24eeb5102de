"""What the journey counts for /metrics: calls by how they ended, refusals by code, drift, how long."""

from __future__ import annotations

from gateway.call.record import CallRecord
from gateway.metrics import Metrics


class Meters:
    """Raised on the hot path: attributes and ints only."""

    __slots__ = ("_answers", "_durations", "_refusals", "drift_micros")

    def __init__(self, metrics: Metrics) -> None:
        self._answers = metrics.counters(
            "keybrake_calls_total", "Calls that a vendor answered, by its status.", "status"
        )
        self._refusals = metrics.counters(
            "keybrake_refusals_total", "Calls that did not go on or got no answer.", "code"
        )
        self._durations = metrics.histogram(
            "keybrake_call_seconds", "From a call's head to its answer, the vendor's time included."
        )
        self.drift_micros = metrics.counter(
            "keybrake_drift_micros_total", "Micro-USD that vendors declared above their holds."
        )

    def refused(self, code: str) -> None:
        self._refusals[code].value += 1

    def ended(self, record: CallRecord) -> None:
        if record.code is not None:
            self.refused(record.code)
        else:
            self._answers[str(record.status)].value += 1
        self._durations.observe((record.duration_ms or 0) * 1000)
