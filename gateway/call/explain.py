"""What would become of a call, without making it: its price, every rule with pass or fail, and what
would remain.

The journey's own steps are asked one by one, each for itself, so that one no does not hide the
next. Nothing is held, counted or sent; only what the price takes is looked up at the vendor with
the real key, and only for a call that its head would let through: a key that may not touch an
object learns nothing of it. What a step needs that failed is not judged.
"""

from __future__ import annotations

import logging

from gateway.call import admission, objects, pricing, retries
from gateway.call.case import Case
from gateway.call.doors import Doors
from gateway.call.looking import Eyes
from gateway.call.verdicts import Asked, Explanation, Verdict
from gateway.errors import (
    BodyTooLarge,
    EndpointNotAllowed,
    IdempotencyConflict,
    Refusal,
    RequestMalformed,
    VendorMismatch,
)
from gateway.http.headgate import EMPTY_OBJECT
from gateway.vault.keys import Key
from gateway.vault.paths import canonical
from gateway.vault.rules import judge
from gateway.vault.secrets import find_in_text
from ledger import CapExceeded, HoldState, Limit, Standing
from vendors.contract import Money, Quote, Reading, RuleRefused, Unreadable
from vendors.money import show_usd

_log = logging.getLogger("keybrake")


class Explainer:
    """One for the process."""

    __slots__ = ("_doors",)

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    async def explain(self, key: Key, asked: Asked) -> Explanation:
        """Never raises a refusal: each is a verdict."""
        doors, terms = self._doors, key.terms
        now_us = doors.clock.now_us()
        remaining = doors.ledger.standing(key.account_id, now_us).remaining_micros
        if (terms.vendor, terms.account) not in doors.turnstiles:
            told = f"The account {terms.account} of {terms.vendor} is not set up here."
            verdict = Verdict("vendor", False, told, VendorMismatch.code)
            return Explanation((verdict,), "", "", None, 0, remaining)
        case = _Steps(doors, key, asked, now_us)
        leads_there = case.judge_vendor()
        case.judge_key()
        if leads_there and case.judge_path():
            case.judge_head()
            if case.judge_request() and await case.find_price():
                case.judge_terms()
                case.judge_caps()
        return case.explanation(remaining)


class _Steps(Case):
    """The journey's steps, each asked for itself."""

    def __init__(self, doors: Doors, key: Key, asked: Asked, now_us: int) -> None:
        super().__init__(doors, key, asked, now_us)
        self._quote: Quote | None = None
        self._how = ""
        self._bound: Quote | None = None  # held for a body that passes, until all of it is read
        self._known_by: Reading | None = None  # what a retry of such a call is recognised by
        self._need = objects.Need(0, 0, 0)

    # -- the head --------------------------------------------------------------------------------

    def judge_vendor(self) -> bool:
        journey, route = self.journey, self.journey.route
        product = f" {route.product}" if route.product else ""
        told = f"The path leads to {journey.vendor.name}{product}."
        return self.judge("vendor", told, lambda: admission.judge_vendor(route, journey.key))

    def judge_key(self) -> None:
        doors, journey = self.doors, self.journey
        key = journey.key
        refusal = doors.registry.no_longer(key, journey.label, journey.started_us)
        if refusal is not None:
            self.add("key", False, refusal.text, refusal.code)
        else:
            self.add("key", True, "The key is alive.")
        if key.terms.sandbox:
            told = "The key and its vendor are of the sandbox."
            self.judge("sandbox", told, lambda: admission.judge_sandbox(key, doors.settings))

    def judge_path(self) -> bool:
        """Can it be told which operation the vendor would carry out?"""
        journey, vendor = self.journey, self.journey.vendor
        if not self.judge("path", "The path is in its plain form.", self._take_path):
            return False
        if vendor.alias(journey.key.terms.key_id):
            told = "The path names no account but the key's own."
            if not self.judge("account", told, self._take_account):
                return False
        product = journey.route.product
        journey.allow_path = f"/{product}{journey.path}" if product else journey.path
        journey.operation = vendor.operation(journey.request.method, journey.path, product)
        return True

    def _take_path(self) -> None:
        journey = self.journey
        if find_in_text(journey.request.target.encode("latin-1")):
            raise admission.misplaced_key("the path or query")
        journey.path = canonical(journey.route.raw_path)

    def _take_account(self) -> None:
        journey = self.journey
        journey.path = admission.own_path(journey, journey.path)

    def judge_head(self) -> None:
        journey, terms = self.journey, self.journey.key.terms
        method, path = journey.request.method, journey.allow_path
        allowed = terms.allowed.allows(method, path)
        told = "The key's allowed_endpoints have it." if allowed else EndpointNotAllowed.message
        self.add("endpoint", allowed, told, EndpointNotAllowed.code)
        if journey.operation.money is Money.MINTS:
            told = "The key's mint_endpoints name it."
            self.judge("mint_endpoints", told, lambda: admission.judge_minting(journey))
        else:
            self.add("mint_endpoints", True, "The operation hands out no access.")
        self.judge("headers", "The headers name nothing they may not.", self._take_headers)
        self._judge_pace()

    def _take_headers(self) -> None:
        journey, terms = self.journey, self.journey.key.terms
        journey.account_headers = {}
        journey.account_headers = admission.account_headers(journey.request, terms, journey.vendor)
        for name in journey.vendor.request_headers:
            if find_in_text(journey.request.headers.get(name, b"")):
                raise admission.misplaced_key(f"the header {name.decode()}")

    def _judge_pace(self) -> None:
        key, now_us = self.journey.key, self.journey.started_us
        most, limit = key.terms.concurrency_max, key.terms.rate_per_minute
        if most is not None:
            flying = len(key.in_flight)
            told = f"{flying} calls are on their way; the key allows {most} at once."
            self.add("concurrency_max", flying < most, told, "rate_limited", own=True)
        if limit is not None:
            wait_s = key.rate_wait_s(now_us)
            told = f"The key allows {limit} calls a minute"
            told += "." if wait_s is None else f"; the next one in {wait_s} s."
            self.add("rate_per_minute", wait_s is None, told, "rate_limited", own=True)

    # -- body and price --------------------------------------------------------------------------

    def judge_request(self) -> bool:
        """Does it say all that its price takes?"""
        journey = self.journey
        if journey.operation.money is Money.UNPRICED:
            try:
                pricing.refuse_unpriced(journey)
            except Refusal as refusal:
                return self.add("price", False, refusal.text, refusal.code)
        told = "The request can be read without doubt."
        return self.judge("body", told, self._read) and self._judge_retry()

    def _read(self) -> None:
        """As the journey reads it: whole where it is priced, as it passes where it is too long for
        that, and not at all where nobody has to."""
        journey = self.journey
        bodiless = journey.request.method in admission.BODILESS
        if bodiless and self.body not in (b"", EMPTY_OBJECT):
            raise RequestMalformed(f"{journey.request.method} has no body.")
        content_type = journey.request.headers.get(b"content-type", b"").decode("latin-1")
        whole_max = self.doors.settings.server.priced_body_bytes_max
        admission.judge_body(self.body)
        body = b""
        if self.body and not bodiless and journey.must_read(content_type):
            if pricing.begin_stream(journey, content_type, whole_max):
                return self._pass()
            if len(self.body) > whole_max:
                raise BodyTooLarge()
            body = self.body
        journey.reading = pricing.read(journey, journey.sent(content_type, body))
        return None

    def _pass(self) -> None:
        reader = self.journey.passing
        assert reader is not None, "a stream was begun"
        self._known_by = self.journey.reading
        try:
            reader.feed(self.body)
            self.journey.reading = reader.finish()
        except (Unreadable, RuleRefused) as exc:
            raise pricing.as_refusal(exc) from None
        self._bound = reader.bound
        self.journey.passing = None  # it was read, so its exact price can be found

    def _judge_retry(self) -> bool:
        """Does it repeat a call that went out under its Idempotency-Key?"""
        journey = self.journey
        try:
            retries.name(journey)
        except Refusal as refusal:
            return self.add("idempotency", False, refusal.text, refusal.code)
        key = journey.idempotency_key
        if key is None or journey.request.method != "POST" or not journey.metered:
            return True
        acts_for = repr(sorted(journey.account_headers.items()))
        retry = retries.bind(journey.key.terms, key, self._known_by or journey.reading, acts_for)
        before = self.doors.ledger.retried(retry.key)
        if before is not None and before.digest != retry.digest:
            refused = IdempotencyConflict
            return self.add("idempotency", False, refused.message, refused.code)
        if before is None or before.state is HoldState.RELEASED:
            return self.add("idempotency", True, "The Idempotency-Key is a fresh one.")
        journey.retried = before
        return self.add("idempotency", True, "It repeats an earlier call, and holds nothing more.")

    async def find_price(self) -> bool:
        journey, doors = self.journey, self.doors
        if not journey.metered:
            moves = journey.operation.money in (Money.FREE, Money.MINTS)
            told = (
                "it costs nothing" if moves else "no real money moves, and the key does not count"
            )
            self._how = told
            return self.add("price", True, f"{told.capitalize()}.")
        terms = journey.key.terms
        turnstile = doors.turnstiles[terms.vendor, terms.account]
        entrance = turnstile if self.admitted else None
        journey.eyes = Eyes(self.upstream, entrance, terms.key_id)
        try:
            await pricing.price(journey, doors.rates(), doors.ledger)
        except pricing.RefusedByVendor as no:
            told = f"The vendor answers {no.answer.status} when it is asked for the price."
            return self.add("price", False, told)
        except Refusal as refusal:
            if getattr(journey, "quote", None) is None:  # else a rule on the price that was found
                return self.add("price", False, refusal.text, refusal.code)
        finally:
            if journey.lookups:
                _log.info("a quote for %s looked up %s", terms.key_id, journey.lookups)
        self._take_quote(journey.quote)
        return self.add("price", True, f"{self._how[:1].upper()}{self._how[1:]}.")

    def _take_quote(self, quote: Quote) -> None:
        journey, key = self.journey, self.journey.key
        self._quote, self._how = quote, quote.how.rstrip(".")
        if journey.retried is None:
            held = self._bound or quote
            self._need = objects.need(held, journey.known, key.account_id, key.parent_id)

    # -- the key's rules and caps ----------------------------------------------------------------

    def judge_terms(self) -> None:
        for result in judge(self.journey.key.terms, self.journey.reading, self._quote):
            self.add(result.rule, result.passed, result.detail, "policy_refused", own=True)

    def judge_caps(self) -> None:
        """Every cap there is. The ledger has the word; how a budget stands tells why."""
        journey, need, held = self.journey, self._need, self._bound or self._quote
        if held is None or journey.retried is not None:
            return
        key, ledger = journey.key, self.doors.ledger
        amount = need.both_micros + need.own_micros
        exceeded = ledger.check(key.account_id, amount, held.units)
        standing = ledger.standing(key.account_id, journey.started_us)
        self._judge_own_caps(standing, amount, held.units, _limit(exceeded, key.account_id))
        if key.parent_id is not None:
            parent = ledger.standing(key.parent_id, journey.started_us)
            left = parent.remaining_micros or 0
            passed = need.both_micros <= left and not parent.over_cap_micros
            told = f"{show_usd(left)} USD are left today over all keys of the issuer."
            self.add("issuer_daily", passed, told, "issuer_cap_exceeded")

    def _judge_own_caps(
        self, standing: Standing, amount: int, units: int, limit: Limit | None
    ) -> None:
        left = standing.remaining_micros
        if left is not None:
            passed = amount <= left and limit is not Limit.DAILY
            told = f"{show_usd(left)} USD are left of today's cap."
            self.add("key_daily", passed, told, "daily_cap_exceeded", own=True)
        left = standing.total_remaining_micros
        if left is not None:
            passed = amount <= left and limit is not Limit.TOTAL
            told = f"{show_usd(left)} USD are left of the total cap."
            self.add("key_total", passed, told, "total_cap_exceeded", own=True)
        if standing.units_cap is not None:
            passed = standing.units + units <= standing.units_cap
            told = f"{standing.units} of {standing.units_cap} are used today; this takes {units}."
            self.add("key_calls", passed, told, "call_count_exceeded", own=True)

    # -- the answer ------------------------------------------------------------------------------

    def explanation(self, remaining_micros: int | None) -> Explanation:
        journey, quote = self.journey, self._quote
        hold = self._need.both_micros + self._need.own_micros
        cost = 0 if self._how else None
        if quote is not None:  # of an object the call's own part, of a body that passes less
            whole = self._bound is not None or journey.retried is not None
            cost = quote.amount_micros if whole else hold
        operation = getattr(journey, "operation", None)
        return Explanation(
            verdicts=tuple(self.verdicts),
            operation="" if operation is None else operation.name,
            how=self._how,
            quote_micros=cost,
            hold_micros=hold,
            remaining_micros=remaining_micros,
            units=0 if quote is None or journey.retried is not None else quote.units,
            countries=() if quote is None else quote.countries,
            lookups=tuple(map(self.hidden, journey.lookups)),
        )


def _limit(exceeded: CapExceeded | None, account_id: int) -> Limit | None:
    """Which of the key's own caps it is."""
    return exceeded.limit if exceeded is not None and exceeded.account_id == account_id else None
