"""From a journey to its audit record: what is known at its start, and what its end adds.

`record.py` knows how a record is told; this file knows where in a journey its facts stand.
"""

from __future__ import annotations

from gateway.call.journey import Journey
from gateway.call.objects import counted
from gateway.call.record import ALLOWED, CallRecord
from gateway.call.runheaders import RunHeaders
from vendors.contract import Outcome


def open_record(journey: Journey, run: RunHeaders) -> CallRecord:
    """What is known when the key is."""
    terms, request, route = journey.key.terms, journey.request, journey.route
    return CallRecord(
        id=journey.call_id,
        at_us=journey.started_us,
        key_id=terms.key_id,
        label=terms.label,
        run=journey.label,
        vendor=terms.vendor,
        account=terms.account,
        method=request.method,
        path=f"/{route.product}{route.raw_path}" if route.product else route.raw_path,
        step=run.step,
        reason=run.reason,
        run_url=run.run_url,
    )


def tell_outcome(record: CallRecord, outcome: Outcome) -> None:
    """What the vendor's answer told beside money."""
    record.vendor_request_id = outcome.request_id or None
    record.object_id = outcome.label or outcome.object_id
    record.livemode = outcome.livemode


def tell_books(journey: Journey) -> None:
    """How the call's holds stand when it ends."""
    record, made = journey.record, journey.made
    record.lookups = tuple(journey.lookups)
    if journey.would_refuse is not None:
        record.would_refuse = journey.would_refuse.code
        if record.decision == ALLOWED:
            record.rule = journey.would_refuse.rule
    if not made:
        return
    main = made[-1]
    record.hold_id, record.day, record.state = main.hold_id, main.day, main.state.value
    record.held_micros, record.cost_micros = main.amount_micros, counted(main)
    if len(made) > 1:
        record.own_hold_id = made[0].hold_id
        record.own_cost_micros = counted(made[0])
