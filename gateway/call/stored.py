"""First answers, kept for retries at a vendor that knows no idempotency keys.

At Stripe a retry goes out under the same key and nothing happens twice. Twilio would send a second
message; so there the first answer is kept, and a retry gets it without a byte being sent. It is a
note in the ledger, written behind the ending of its hold and on disk before the caller gets its
answer: what a caller has seen, its retry sees again, also after a restart. A call whose answer is
not known cannot be answered again: in doubt stays in doubt.

Kept as long as the ledger remembers the retry's key. What is older goes when new ones come."""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

import orjson

from gateway.http.message import Headers, Response
from ledger import Note, RetryKey

KIND: Final = "answer"
BYTES_MAX: Final = 65_536
_SWEPT_AT_ONCE: Final = 4


class _Ledger(Protocol):
    def notes(self, kind: str) -> Any: ...

    def noted(self, kind: str, name: str) -> bytes | None: ...

    async def note(self, notes: Any, *, account_id: int | None = None) -> None: ...


class StoredAnswers:
    """memory_us: how long an answer is kept."""

    __slots__ = ("_ages", "_ledger", "_memory_us")

    def __init__(self, ledger: _Ledger, memory_us: int) -> None:
        self._ledger = ledger
        self._memory_us = memory_us
        kept = [(note.name, orjson.loads(note.blob)) for note in ledger.notes(KIND)]
        found = sorted((at["at_us"], name, at["account_id"]) for name, at in kept)
        self._ages: deque[tuple[int, str, int]] = deque(found)

    async def keep(self, retry: RetryKey, account_id: int, response: Response, now_us: int) -> None:
        """Durable when it returns. A longer or a streaming answer is not kept. Raises
        CannotRecord."""
        await self._sweep(now_us)
        if response.stream is not None or len(response.body) > BYTES_MAX:
            return
        name = retry.key.hex()
        record = {
            "at_us": now_us,
            "account_id": account_id,
            "status": response.status,
            "headers": [[n.decode("latin-1"), v.decode("latin-1")] for n, v in response.headers],
            "body": response.body.decode("latin-1"),
        }
        await self._ledger.note([Note(KIND, name, orjson.dumps(record))], account_id=account_id)
        self._ages.append((now_us, name, account_id))

    def find(self, retry: RetryKey) -> Response | None:
        """The first call's answer, as its caller got it."""
        blob = self._ledger.noted(KIND, retry.key.hex())
        if blob is None:
            return None
        record = orjson.loads(blob)
        headers: Headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in record["headers"]
        ]
        return Response(record["status"], headers, record["body"].encode("latin-1"))

    async def _sweep(self, now_us: int) -> None:
        for _ in range(_SWEPT_AT_ONCE):
            if not self._ages or self._ages[0][0] > now_us - self._memory_us:
                return
            _, name, account_id = self._ages.popleft()
            blob = self._ledger.noted(KIND, name)
            if blob is not None and orjson.loads(blob)["at_us"] <= now_us - self._memory_us:
                await self._ledger.note([Note(KIND, name, None)], account_id=account_id)
