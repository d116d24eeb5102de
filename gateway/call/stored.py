"""First answers, kept for retries at a vendor that knows no idempotency keys.

At Stripe a retry goes out under the same key and nothing happens twice. Twilio would send a second
message; so there the first answer is kept, and a retry gets it without a byte being sent. It is a
note in the ledger, written behind the ending of its hold and on disk before the caller gets its
answer: what a caller has seen, its retry sees again, also after a restart. A call whose answer is
not known cannot be answered again: in doubt stays in doubt.

Kept as long as the ledger remembers the retry's key. What is older goes when new ones come."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import orjson

from gateway.call.journey import Journey
from gateway.errors import IdempotencyConflict, VendorTimeout
from gateway.http.message import Headers, Response
from ledger import CannotRecord, HoldState, Note, Retried

_log = logging.getLogger("keybrake")

KIND: Final = "first_answer"
"""Of the notes. `answer` is the admin side's own kind, which is read by other eyes."""
BYTES_MAX: Final = 65_536
_SWEPT_AT_ONCE: Final = 4


class _Ledger(Protocol):
    def notes(self, kind: str) -> Iterator[Note]: ...

    def noted(self, kind: str, name: str) -> bytes | None: ...

    async def note(self, notes: Sequence[Note], *, account_id: int | None = None) -> None: ...


class StoredAnswers:
    """memory_us: how long an answer is kept."""

    __slots__ = ("_ages", "_ledger", "_memory_us")

    def __init__(self, ledger: _Ledger, memory_us: int) -> None:
        self._ledger = ledger
        self._memory_us = memory_us
        kept = [(note.name, orjson.loads(note.blob or b"{}")) for note in ledger.notes(KIND)]
        found = sorted((at["at_us"], name, at["account_id"]) for name, at in kept)
        self._ages: deque[tuple[int, str, int]] = deque(found)

    async def keep(self, journey: Journey, response: Response, now_us: int) -> None:
        """Durable when it returns, for a call that a retry may ask for. A longer or a streaming
        answer is not kept, nor is a refusal: a call that was refused may be made again."""
        retry, account_id = journey.retry, journey.key.account_id
        if retry is None or journey.retried is not None or journey.heeds_keys:
            return
        if response.status >= 400 or response.stream is not None:
            return
        try:
            await self._sweep(now_us)
            if len(response.body) <= BYTES_MAX:
                packed = _packed(response, _named_by_vendor(journey, response), account_id, now_us)
                note = Note(KIND, retry.key.hex(), packed)
                await self._ledger.note([note], account_id=account_id)
                self._ages.append((now_us, note.name, account_id))
        except CannotRecord as exc:
            _log.warning("the answer of %s is not kept: %s", journey.call_id, exc)

    def again(self, journey: Journey, first: Retried) -> Response:
        """The first call's answer under the id of this call; the account in it is called what this
        caller calls it, whose key may be another one. Raises VendorTimeout where nobody knows it,
        IdempotencyConflict where it is not kept."""
        if first.state is HoldState.IN_DOUBT:
            raise VendorTimeout(
                "The first call with this Idempotency-Key got no answer; it is in doubt.",
                in_doubt=True,
            )
        assert journey.retry is not None
        blob = self._ledger.noted(KIND, journey.retry.key.hex())
        if blob is None:
            raise IdempotencyConflict(
                "The first call with this Idempotency-Key was carried out; "
                "its answer never came, or was too long to be kept."
            )
        record = orjson.loads(blob)
        headers: Headers = [
            (b"keybrake-call-id", journey.call_id.encode()),
            (b"idempotent-replayed", b"true"),
            *(
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in record["headers"]
            ),
        ]
        body = record["body"].encode("latin-1")
        if journey.called:
            body = body.replace(journey.upstream.account.encode(), journey.called.encode())
        return Response(record["status"], headers, body)

    async def _sweep(self, now_us: int) -> None:
        for _ in range(_SWEPT_AT_ONCE):
            if not self._ages or self._ages[0][0] > now_us - self._memory_us:
                return
            _, name, account_id = self._ages.popleft()
            blob = self._ledger.noted(KIND, name)
            if blob is not None and orjson.loads(blob)["at_us"] <= now_us - self._memory_us:
                await self._ledger.note([Note(KIND, name, None)], account_id=account_id)


def _named_by_vendor(journey: Journey, response: Response) -> bytes:
    """The body with the account under its real name again."""
    if not journey.called:
        return response.body
    return response.body.replace(journey.called.encode(), journey.upstream.account.encode())


def _packed(response: Response, body: bytes, account_id: int, now_us: int) -> bytes:
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in response.headers
        if name != b"keybrake-call-id"
    ]
    return orjson.dumps(
        {
            "at_us": now_us,
            "account_id": account_id,
            "status": response.status,
            "headers": headers,
            "body": body.decode("latin-1"),
        }
    )
