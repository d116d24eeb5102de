"""A call that is only looked at: its body is there already, and its way to the vendor cannot do
anything but look things up."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.call.turnstile import Turnstile
from gateway.upstream.pool import Gate, NotSent, Reply, Upstream, open_gate
from vendors.contract import Lookup


class Eyes:
    """The way to the vendor as a quote has it: it can look, through the account's entrance like any
    call, and do nothing else. turnstile: None for a call that is not admitted."""

    __slots__ = ("_key_id", "_turnstile", "_upstream")

    def __init__(self, upstream: Upstream, turnstile: Turnstile | None, key_id: str) -> None:
        self._upstream = upstream
        self._turnstile = turnstile
        self._key_id = key_id

    async def look(
        self, lookup: Lookup, headers: Mapping[bytes, bytes], gate: Gate = open_gate
    ) -> Reply:
        """Raises NotSent, OutcomeUnknown, RateLimited, and what the gate raises."""
        if self._turnstile is None:
            raise NotSent("what a call may not do is not looked up")
        await self._turnstile.enter(self._key_id)
        try:
            return await self._upstream.look(lookup, headers, gate)
        finally:
            self._turnstile.leave(self._key_id)


class ToldBody:
    """A body that is there as a whole."""

    __slots__ = ("_body", "length")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length: int | None = len(body)

    async def read_all(self, bytes_max: int) -> bytes:
        return self._body

    async def read(self) -> bytes:
        body, self._body = self._body, b""
        return body
