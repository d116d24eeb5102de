"""What is written down of a call: its audit record with the memos and the row, the line of the log,
and the rows of a quarter of a second on their way into the audit log's file.

That file lies in the system's temporary folder. Its thread's work is counted with the loop's.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any, Final

from bench.micro.piece import Once, Piece
from bench.micro.smallhouse import SECRETS, SmallHouse, small_house
from gateway.call import admission, audit
from gateway.call.journey import Journey
from gateway.call.record import CallRecord
from gateway.call.runheaders import NOTHING_SAID
from gateway.run import calllines, log
from gateway.settings import LogSettings
from ledger import Ending, HoldState
from ledger.history import CallRow, History
from vendors.contract import End, Outcome

ROWS: Final = 75
"""Of a quarter of a second at 300 calls a second."""
LINES: Final = 32
"""So many are made into text at a time."""
_COST_MICROS: Final = 12_000_000
_OUTCOME: Final = Outcome(
    End.SETTLED,
    settled_micros=_COST_MICROS,
    object_id="pi_3Qabcdefghijklmnopqrstuv",
    livemode=True,
    request_id="req_0123456789abcd",
)


@asynccontextmanager
async def record() -> AsyncIterator[Once]:
    async with small_house() as house:
        journey = _journey(house)
        journey.made = [await house.doors.ledger.hold(house.key.account_id, _COST_MICROS)]
        yield partial(_recorded, journey)
        ended = Ending(journey.made[0].hold_id, HoldState.SETTLED, _COST_MICROS)
        house.doors.ledger.book([ended], now_us=journey.started_us)


def _journey(house: SmallHouse) -> Journey:
    request, now_us = house.request(), house.doors.clock.now_us()
    route = admission.resolve(house.doors.routes, request)
    vendor = house.doors.vendors["stripe"]
    return Journey("call_01m83rzns0bkj6y7n043s43ra2", request, house.key, vendor, route, now_us)


def _recorded(journey: Journey) -> CallRow:
    """Opened, told to the journal twice, and to the audit log."""
    journey.label = journey.key.terms.label
    journey.record = told = audit.open_record(journey, NOTHING_SAID)
    told.operation, told.quote_micros = "PostPaymentIntents", _COST_MICROS
    told.head_memo()
    told.status, told.duration_ms = 200, 35
    audit.tell_outcome(told, _OUTCOME)
    told.outcome_memo()
    audit.tell_books(journey)
    return told.row()


def _ended(number: int = 0) -> CallRecord:
    return CallRecord(
        id=f"call_{number:026d}",
        at_us=1_795_000_000_000_000 + number * 3_000,
        key_id=f"vk_{number % 100:026d}",
        label="make-billing-scenario/8f31",
        run="make-billing-scenario/8f31",
        vendor="stripe",
        account="default",
        method="POST",
        path="/v1/payment_intents/pi_3Qabcdefghijklmnopqrstuv/confirm",
        operation="PostPaymentIntentsIntentConfirm",
        quote_micros=_COST_MICROS,
        held_micros=_COST_MICROS,
        status=200,
        cost_micros=_COST_MICROS,
        state="settled",
        day=20_775,
        hold_id=number + 1,
        object_id=f"pi_{number:024x}",
        duration_ms=35,
    )


@asynccontextmanager
async def line(form: str) -> AsyncIterator[Once]:
    """As many as are made into text together: made, looked through for secrets, gathered, and every
    now and then written to where nothing is kept."""
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    request = SimpleNamespace(headers={b"traceparent": trace}, peer="192.0.2.1")
    journey: Any = SimpleNamespace(
        record=_ended(), request=request, vendor_us=30_000, refused_by=None
    )
    with open(os.devnull, "w") as nowhere:  # noqa: ASYNC230  # it makes nobody wait
        for secret in SECRETS:
            log.register_secret(secret)
        log.set_up("info", form, nowhere)
        tell = calllines.teller(LogSettings())

        def once() -> None:
            for _ in range(LINES):
                tell(journey)

        yield once
        log.way()[0].flush()


@asynccontextmanager
async def rows() -> AsyncIterator[Once]:
    """Each with what was booked for it in the same moment."""
    with tempfile.TemporaryDirectory(prefix="keybrake-micro-") as directory:
        history, numbers = await History.open(f"{directory}/audit.db"), count()

        async def once() -> None:
            for number in (next(numbers) for _ in range(ROWS)):
                told = _ended(number)
                history.record(told.row())
                history.follow([Ending(number + 1, HoldState.SETTLED, _COST_MICROS)])
            assert await history.flush()

        yield once
        await history.close()


PIECES: Final = (
    Piece("record.call", "a record opened, two memos, the audit log's row", record),
    Piece("line.json", "a call's line as JSON", partial(line, "json"), calls=16, parts=LINES),
    Piece("line.text", "a call's line as text", partial(line, "text"), calls=16, parts=LINES),
    Piece("audit.row", f"a row into the audit log's file, {ROWS} at a time, with its sums", rows,
          calls=8, parts=ROWS, clock_ns=time.process_time_ns),
)  # fmt: skip
