"""Sending a call to its vendor: the head it gets, the last look before the first byte, and every
way in which no answer comes back, each with the ending that the call's hold gets for it."""

from __future__ import annotations

from time import monotonic_ns
from typing import Final, NoReturn

from gateway.call.answers import outgoing
from gateway.call.books import Books
from gateway.call.doors import Doors
from gateway.call.journey import Journey
from gateway.errors import (
    IdempotencyInProgress,
    KeyRevoked,
    LedgerUnavailable,
    Refusal,
    VendorBrokeOff,
    VendorTimeout,
    VendorUnreachable,
)
from gateway.http.message import Body, ClientGone
from gateway.upstream.pool import Aborted, NotSent, Order, OutcomeUnknown, Reply, Watch
from ledger import HoldState, Retried

HOUR_US: Final = 3_600_000_000


class Sender:
    """The journey's door to the vendors."""

    __slots__ = ("_books", "_doors")

    def __init__(self, doors: Doors, books: Books) -> None:
        self._doors = doors
        self._books = books

    async def send(self, journey: Journey, body: bytes | Body, whole_bytes_max: int) -> Reply:
        """The vendor's answer. Raises refusals, after the hold (if there is one) was booked for
        them."""
        order = _order(journey, body, whole_bytes_max)
        journey.watch = Watch(lambda: self.look_again(journey))
        began_ns = monotonic_ns()
        try:
            return await journey.upstream.send(order, journey.watch)
        except NotSent as exc:
            self._release(journey, VendorUnreachable(f"{VendorUnreachable.message} ({exc})"))
        except Aborted as aborted:
            refusal = KeyRevoked(in_doubt=aborted.left and _counts(journey))
            if aborted.left:
                self._doubt(journey, refusal)
            self._release(journey, refusal)
        except OutcomeUnknown as unknown:
            kind = VendorTimeout if unknown.timed_out else VendorBrokeOff
            self._doubt(journey, kind(in_doubt=_counts(journey), why=unknown.why))
        except Refusal as refusal:
            self._release(journey, refusal)
        except ClientGone:  # in the middle of a body that passes: it never ran
            self._books.release(journey)
            raise
        finally:
            journey.vendor_us += (monotonic_ns() - began_ns) // 1_000

    def look_again(self, journey: Journey) -> None:
        """Right before the first byte: are key, run and issuer still as they were at admission, and
        is the hold that a retry continues still there? A person may have released it meanwhile; and
        where the journal died, nobody knows whether it ever was on disk."""
        doors, retried = self._doors, journey.retried
        now_us = doors.clock.now_us()
        refusal = doors.registry.no_longer(journey.key, journey.label, now_us)
        if refusal is not None:
            raise refusal
        if retried is not None:
            self._look_at_first(retried, now_us)

    def _look_at_first(self, first: Retried, now_us: int) -> None:
        """May a retry still lean on its first call? Where a machine slept since it was admitted,
        the vendor may know that one no more."""
        doors = self._doors
        if doors.ledger.trouble == "dead":
            raise LedgerUnavailable(reason="the ledger's journal does not answer")
        if first.hold is not None and first.hold.state is HoldState.RELEASED:
            raise IdempotencyInProgress(
                "The first call with this Idempotency-Key was released just now; ask again."
            )
        if now_us - first.at_us >= doors.settings.ledger.retry_memory_h * HOUR_US:
            raise IdempotencyInProgress(
                "The first call with this Idempotency-Key is too long ago by now; ask again."
            )

    def _release(self, journey: Journey, refusal: Refusal) -> NoReturn:
        journey.record.refuse(refusal.code, refusal.status, refusal.rule)
        self._books.release(journey, journey.record.outcome_memo())
        raise refusal

    def _doubt(self, journey: Journey, refusal: Refusal) -> NoReturn:
        journey.record.refuse(refusal.code, refusal.status)
        journey.record.decision = "allowed"
        self._books.doubt(journey, journey.record.outcome_memo())
        raise refusal


def _counts(journey: Journey) -> bool:
    """Is there a hold behind this call, its own or that of the call it repeats?"""
    return bool(journey.made) or journey.retried is not None


def _order(journey: Journey, body: bytes | Body, whole_bytes_max: int) -> Order:
    reading, request = journey.reading, journey.request
    target = f"{reading.path}?{reading.query}" if reading.query else reading.path
    read_whole = isinstance(body, bytes)
    headers = outgoing(
        request.headers,
        journey.vendor,
        journey.upstream.authorization,
        reading.content_type.encode("latin-1") if read_whole else None,
        journey.account_headers,
        journey.vendor_key,
    )
    return Order(
        request.method.encode("ascii"),
        target.encode("latin-1"),
        headers,
        body,
        journey.route.product,
        whole_bytes_max,
    )
