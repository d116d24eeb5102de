"""One vendor call from first byte to settled cost; the heart of the house.

`_carry` is the whole story: admit, read, price, hold, send, settle, answer. Each step is one line
there and one function in a file named for it; what a step found out stands in the journey. A
refusal anywhere ends the story, and what the call had taken is given back. A call whose last byte
has left runs to its end whether its caller still listens or not: nothing here is ever cancelled by
a hang-up."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import NoReturn

from gateway.call import admission, audit, pricing, relink, retries, settling
from gateway.call.answers import add_cost, relayed
from gateway.call.bodies import BodyRoom
from gateway.call.books import Books
from gateway.call.doors import Doors
from gateway.call.journey import Journey
from gateway.call.lanes import STRANGERS, Step
from gateway.call.lasting import Lasting, LongAnswers
from gateway.call.leaks import Leaks
from gateway.call.passing import PassingBody, WatchedBody
from gateway.call.refusals import dress, forget_way
from gateway.call.runheaders import NOTHING_SAID, effective_label, read_run_headers
from gateway.call.sending import Sender
from gateway.call.stored import StoredAnswers
from gateway.call.turns import WAIT_S
from gateway.errors import Internal, KeyUnknown, RateLimited, Refusal, VendorRedirected
from gateway.http.message import Body, ClientGone, Request, Response
from gateway.ids import make_id
from gateway.upstream.pool import Reply
from gateway.vault.terms import Mode
from ledger import Retried
from vendors.contract import Answer, Money, Reading, Vendor

_log = logging.getLogger("keybrake")

FREE_ANSWER_BYTES_MAX = 65_536
"""An unmetered answer up to this size goes out in one write; a longer one streams."""


class Proxy:
    """Carries calls. One for the process; what lives during a call stands in its journey."""

    __slots__ = (
        "_answers",
        "_books",
        "_doors",
        "_leaks",
        "_long",
        "_retries",
        "_room",
        "_sender",
        "_whole_max",
    )

    def __init__(self, doors: Doors, admin_digest: bytes = b"") -> None:
        """admin_digest: of the admin key, which no caller should have."""
        self._doors = doors
        self._books = Books(doors.ledger, doors.history, doors.clock, doors.metrics)
        self._leaks = Leaks(doors.settings, admin_digest, doors.metrics)
        self._long = LongAnswers()
        self._retries = doors.retries
        self._sender = Sender(doors, self._books)
        limits = doors.settings.server
        memory_us = doors.settings.ledger.retry_memory_h * 3_600_000_000
        self._answers = StoredAnswers(doors.ledger, memory_us)
        self._whole_max = limits.priced_body_bytes_max
        self._room = BodyRoom(limits.large_bodies_bytes_max, limits.priced_body_bytes_max)

    def renew(self) -> None:
        """The doors have other settings now: what was read from them once is read again."""
        limits = self._doors.settings.server
        self._leaks.renew(self._doors.settings)
        self._whole_max = limits.priced_body_bytes_max
        self._room.renew(limits.large_bodies_bytes_max, limits.priced_body_bytes_max)

    async def answer(self, request: Request) -> Response:
        """The answer to one request that is not for the admin side. Raises ClientGone only."""
        now_us = self._doors.clock.now_us()
        call_id = make_id("call_", now_us)
        vendor: Vendor | None = None
        try:
            route = admission.resolve(self._doors.routes, request)
            vendor = self._doors.vendors[route.vendor or min(route.owners)]
            key = admission.find_key(request, self._doors.registry, self._doors.guesses, now_us)
            admission.judge_vendor(route, key)
        except Refusal as refusal:
            await self._doors.lanes.step(STRANGERS, Step.BEGIN)
            self._doors.metrics.refused(refusal.code)
            if isinstance(refusal, KeyUnknown | RateLimited):
                self._leaks.look(request, now_us)
            vendor = vendor or self._vendor_of_sdk(request)
            return dress(refusal, call_id, vendor, None, request.headers)
        vendor = self._doors.vendors[key.terms.vendor]
        if not self._doors.lanes.try_step(key.terms.key_id):
            await self._doors.lanes.step(key.terms.key_id, Step.BEGIN)
            if request.gone():
                raise ClientGone
        return await self._journey(Journey(call_id, request, key, vendor, route, now_us))

    def _vendor_of_sdk(self, request: Request) -> Vendor | None:
        """Where the path leads nowhere: whose SDK is it that asks?"""
        vendors = self._doors.vendors.values()
        return next((vendor for vendor in vendors if vendor.is_sdk(request.headers)), None)

    async def _journey(self, journey: Journey) -> Response:
        try:
            return await self._carry(journey)
        except Refusal as refusal:
            return self._refused(journey, refusal)
        except ClientGone:
            raise
        except Exception:
            _log.exception("call %s failed inside the gateway", journey.call_id)
            self._books.doubt(journey)
            return self._refused(journey, Internal())
        except asyncio.CancelledError:  # the process ends; what was on its way stays counted
            self._books.doubt(journey)
            raise
        finally:
            journey.close()

    async def _carry(self, journey: Journey) -> Response:
        self._admit(journey)
        await self._read(journey)
        if not journey.metered:
            return await self._pass(journey)
        try:
            await self._take_turns(journey)
        except Refusal:
            await self._step(journey, Step.SETTLE)
            raise
        if journey.retried is not None and not journey.heeds_keys:
            return self._first_answer(journey, journey.retried)
        try:
            await self._price(journey)
        except pricing.RefusedByVendor as refused:
            return self._as_the_vendor_says(journey, refused.answer)
        await self._hold(journey)
        await self._step(journey, Step.SEND)
        reply = await self._sender.send(
            journey,
            self._body(journey),
            self._doors.settings.server.metered_answer_bytes_max,
        )
        try:
            await self._step(journey, Step.SETTLE)
            await self._settle(journey, reply)
            response = self._answer(journey, reply)
            if journey.retry is not None:
                await self._answers.keep(journey, response, self._doors.clock.now_us())
            return self._lasting(journey, response)
        except BaseException:
            await reply.close()
            raise

    async def _step(self, journey: Journey, step: Step) -> None:
        """Those who ask little go first. Who waited in vain takes one too: as many as came together
        give up together."""
        lanes, key_id = self._doors.lanes, journey.key.terms.key_id
        if not lanes.try_step(key_id):
            await lanes.step(key_id, step)

    def _admit(self, journey: Journey) -> None:
        """Decide on the head alone."""
        doors, key, now_us = self._doors, journey.key, journey.started_us
        journey.label = key.terms.label
        journey.record = audit.open_record(journey, NOTHING_SAID)
        run = read_run_headers(journey.request.headers)
        if run is not NOTHING_SAID:
            journey.label = effective_label(journey.label, run.run)
            journey.record = audit.open_record(journey, run)
        doors.registry.began(journey)
        journey.on_close(lambda: doors.registry.ended(journey))
        if (refusal := doors.registry.no_longer(key, journey.label, now_us)) is not None:
            raise refusal
        admission.judge_sandbox(key, doors.settings)
        journey.upstream = admission.way_of(key.terms, doors.upstreams)
        journey.turnstile = doors.turnstiles[key.terms.vendor, key.terms.account]
        admission.admit(journey, now_us)
        journey.record.operation = journey.operation.name

    async def _read(self, journey: Journey) -> None:
        """The one reading of query and body: what is priced is what is sent."""
        request = journey.request
        if request.body.length != 0 and request.method in admission.BODILESS:
            await admission.drop_empty_body(request)
        if journey.operation.money is Money.UNPRICED:
            pricing.refuse_unpriced(journey)
        content_type = request.headers.get(b"content-type", b"").decode("latin-1")
        body = b""
        if request.body.length != 0 and journey.must_read(content_type):
            if pricing.begin_stream(journey, content_type, self._whole_max):
                retries.name(journey)
                return
            body = await self._read_whole(journey)
        admission.judge_body(body)
        journey.reading = pricing.read(journey, journey.sent(content_type, body))
        retries.name(journey)

    async def _read_whole(self, journey: Journey) -> bytes:
        body = journey.request.body
        if taken := self._room.take(body):
            journey.on_close(lambda: self._room.give(taken))
        return await body.read_all(self._doors.settings.server.priced_body_bytes_max)

    async def _take_turns(self, journey: Journey) -> None:
        """Behind the first call with the same Idempotency-Key, behind an earlier call on the same
        object, and through the vendor's entrance: all before any money is held. A key on another
        method than POST binds nothing: vendors carry such a call out each time it comes."""
        terms = journey.key.terms
        if journey.idempotency_key is not None and journey.request.method == "POST":
            acts_for = repr(sorted(journey.account_headers.items()))
            retry = retries.bind(terms, journey.idempotency_key, journey.reading, acts_for)
            journey.retried = await self._retries.begin(retry)
            journey.retry = retry
            journey.on_close(lambda: self._retries.end(retry))
        if (object_id := journey.operation.object_id) is not None:
            await self._take_turn(journey, object_id)
            if journey.heeds_keys and retries.counts_less(journey.retried):
                journey.retried = None
        await self._enter(journey)

    async def _take_turn(self, journey: Journey, object_id: str) -> None:
        turns, tag = self._doors.turns, pricing.object_tag(journey, object_id)
        await turns.take(tag, WAIT_S)
        journey.on_close(lambda: turns.give(tag))
        if journey.request.gone():
            raise ClientGone  # before a look-up: who hung up in the line holds nobody up

    async def _price(self, journey: Journey) -> None:
        """Set the quote. A call may turn out to belong to an object that its path does not name (an
        item of an invoice): it takes that object's turn and is priced once more, since what another
        call added meanwhile is in the books by now, and was not in what was looked up."""
        turns_of = {journey.operation.object_id, None}

        def gate() -> None:
            self._sender.look_again(journey)

        await pricing.price(journey, self._doors.rates(), self._doors.ledger, gate)
        while journey.retried is None and journey.quote.object_id not in turns_of:
            await self._take_turn(journey, journey.quote.object_id or "")
            turns_of.add(journey.quote.object_id)
            await pricing.price(journey, self._doors.rates(), self._doors.ledger, gate)

    async def _enter(self, journey: Journey) -> None:
        """Through the entrance of the vendor's account."""
        turnstile, key_id = journey.turnstile, journey.key.terms.key_id
        if not turnstile.try_enter(key_id):
            await turnstile.enter(key_id)
        journey.place = partial(turnstile.leave, key_id)

    async def _hold(self, journey: Journey) -> None:
        """Set the quote aside, durably; a retry continues the hold of its first call instead."""
        if journey.request.gone():
            raise ClientGone
        if journey.retried is not None:
            hold = journey.retried.hold
            journey.record.retry_of = hold.memo_ref if hold is not None else None
            return
        if journey.key.terms.mode is Mode.SHADOW and journey.would_refuse is None:
            journey.would_refuse = self._books.would_refuse(journey)
        await self._books.hold(journey)

    async def _settle(self, journey: Journey, reply: Reply) -> None:
        """Book what the answer means, before the caller gets its last byte."""
        record = journey.record
        record.status = reply.status
        if _redirects(reply):
            await self._refuse_redirect(journey, reply)
        outcome = settling.outcome_of(journey, reply, self._doors.rates)
        audit.tell_outcome(record, outcome)
        self._tell_duration(journey)
        await self._books.settle(journey, outcome, record.outcome_memo())

    async def _pass(self, journey: Journey) -> Response:
        """A call that costs nothing: no hold, and a body that nobody had to read streams
        through."""
        pricing.judge_terms(journey, None)
        try:
            await self._enter(journey)
        except Refusal:
            await self._step(journey, Step.SETTLE)
            raise
        request, reading = journey.request, journey.reading
        whole = bool(reading.body) or request.body.length == 0
        reply = await self._sender.send(
            journey, reading.body if whole else WatchedBody(request.body), FREE_ANSWER_BYTES_MAX
        )
        journey.record.status = reply.status
        if _redirects(reply):
            await self._refuse_redirect(journey, reply)
        if reply.body is None:
            await self._make_room(journey, reply)
        self._tell_duration(journey)
        return self._lasting(journey, self._answer(journey, reply))

    async def _make_room(self, journey: Journey, reply: Reply) -> None:
        """For an answer that streams. It was free, so it may be asked for again."""
        key_id, leave = journey.key.terms.key_id, journey.place
        try:
            self._long.begin(key_id)
        except BaseException:
            await reply.close()
            raise

        def give_back() -> None:
            self._long.end(key_id)
            if leave is not None:
                leave()

        journey.place = give_back

    async def _refuse_redirect(self, journey: Journey, reply: Reply) -> NoReturn:
        """Nobody knows what the vendor did before it sent us elsewhere."""
        await reply.close()
        journey.record.refuse(VendorRedirected.code, VendorRedirected.status)
        journey.record.decision = "allowed"
        self._books.doubt(journey, journey.record.outcome_memo())
        raise VendorRedirected(in_doubt=journey.metered, vendor_status=reply.status)

    def _body(self, journey: Journey) -> bytes | Body:
        """What the vendor gets: the bytes that were read, or a body that is read as it passes."""
        if journey.passing is None:
            return journey.reading.body

        def judge(reading: Reading) -> None:
            journey.reading = reading
            pricing.price_exactly(journey, self._doors.rates())
            self._sender.look_again(journey)

        return PassingBody(journey.request.body, journey.passing, judge)

    def _first_answer(self, journey: Journey, first: Retried) -> Response:
        """A retry at a vendor that would carry it out again: not a byte is sent."""
        journey.record.retry_of = first.hold.memo_ref if first.hold is not None else None
        response = self._answers.again(journey, first)
        journey.record.status = response.status
        self._tell_duration(journey)
        self._write_down(journey)
        return response

    def _answer(self, journey: Journey, reply: Reply) -> Response:
        """The vendor's answer as the caller gets it, with the cost in its head; and the audit
        row."""
        doors = self._doors
        headers = relayed(reply.headers, journey.vendor, journey.call_id, journey.idempotency_key)
        if journey.metered:
            now_us = journey.started_us + journey.took_us
            today = doors.ledger.today(journey.key.account_id, now_us)
            add_cost(headers, journey.cost_micros, today, estimated=journey.estimated)
        if journey.would_refuse is not None:
            headers.append((b"keybrake-would-refuse", journey.would_refuse.code.encode("ascii")))
        self._write_down(journey)
        if journey.vendor.link_bytes_max and relink.may_link(dict(reply.headers)):
            return relink.relinked(journey, reply, headers, doors.settings)
        if reply.body is not None:
            return Response(reply.status, headers, reply.body, length=reply.length)
        return Response(reply.status, headers, stream=reply.chunks(), length=reply.length)

    def _lasting(self, journey: Journey, response: Response) -> Response:
        """The call is over; what streams takes its place at the vendor's entrance with it."""
        if response.stream is not None and journey.place is not None:
            response.stream = Lasting(
                response.stream, journey.place, self._doors.lanes, journey.key.terms.key_id
            )
            journey.place = None
        return response

    def _as_the_vendor_says(self, journey: Journey, answer: Answer) -> Response:
        """The vendor refused a lookup as it would have refused the call: in its own words."""
        journey.record.status = answer.status
        headers = relayed(
            list(answer.headers.items()), journey.vendor, journey.call_id, journey.idempotency_key
        )
        self._tell_duration(journey)
        self._write_down(journey)
        return Response(answer.status, headers, answer.body)

    def _refused(self, journey: Journey, refusal: Refusal) -> Response:
        forget_way(refusal)
        terms, request = journey.key.terms, journey.request
        response = dress(refusal, journey.call_id, journey.vendor, terms, request.headers)
        record = journey.record
        if record.code is None:
            record.refuse(refusal.code, response.status, refusal.rule)
        self._tell_duration(journey)
        self._write_down(journey)
        return response

    def _tell_duration(self, journey: Journey) -> None:
        journey.took_us = self._doors.clock.now_us() - journey.started_us
        journey.record.duration_ms = journey.took_us // 1000

    def _write_down(self, journey: Journey) -> None:
        """The call's row in the audit log, and its count in the metrics."""
        record = journey.record
        audit.tell_books(journey)
        self._doors.metrics.called(record, journey.took_us, journey.vendor_us)
        self._doors.history.record(record.row())
        self._doors.call_ended(journey)


def _redirects(reply: Reply) -> bool:
    return 300 <= reply.status < 400 and reply.status != 304
