"""What a call can cost at most: the vendor module's quote, its lookups, and the key's rules on
money.

A quote may ask for lookups first: reads, or previews that change nothing, made with the real key
after admission, with no header of the caller's but those that choose the account. What nobody can
price passes only under a fixed hold that the key gives it."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic_ns

from gateway.call import objects
from gateway.call.journey import Journey
from gateway.call.remarks import remark_of
from gateway.errors import (
    AmountUnreadable,
    EndpointUnpriced,
    MediaTypeUnsupported,
    PolicyRefused,
    Refusal,
    VendorUnreachable,
)
from gateway.upstream.pool import Gate, NotSent, OutcomeUnknown, open_gate
from gateway.vault.rules import judge
from gateway.vault.terms import Mode, Terms
from ledger import Hold, Ledger
from vendors.contract import (
    Answer,
    Lookup,
    MediaTypeRefused,
    Money,
    Quote,
    Reading,
    RuleRefused,
    Sent,
    Unpriced,
    Unreadable,
)
from vendors.rates import Rates

LOOKUPS_MAX = 10
_TOLD_AS_IT_IS = frozenset({400, 402, 404})
"""What a vendor says to a lookup about the call itself: no such object, no such price."""


class RefusedByVendor(Exception):
    """The vendor says no to the lookup as it would to the call; its own answer says so best."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


FIXED = "fixed"
"""The trace in the remark of a hold that is the fixed one of the key's allow_unpriced."""


def as_refusal(exc: Exception) -> Refusal:
    """A vendor module's no as one of ours."""
    if isinstance(exc, Unreadable):
        return AmountUnreadable(f"{exc.field_name}: {exc.why}", field=exc.field_name)
    if isinstance(exc, MediaTypeRefused):
        return MediaTypeUnsupported(str(exc) or None)
    if isinstance(exc, RuleRefused):
        return PolicyRefused(exc.why, rule=exc.rule)
    return EndpointUnpriced(str(exc) or None)


def read(journey: Journey, sent: Sent) -> Reading:
    """The one reading of the request. Raises AmountUnreadable, MediaTypeUnsupported,
    PolicyRefused."""
    try:
        return journey.vendor.read(journey.operation, sent)
    except (Unreadable, MediaTypeRefused, RuleRefused) as exc:
        raise as_refusal(exc) from None


def begin_stream(journey: Journey, content_type: str, whole_bytes_max: int) -> bool:
    """Will the body be priced while it passes to the vendor? So for one that is longer than what is
    read whole, or that does not say how long it is, where the vendor module can read it so. Raises
    refusals."""
    length = journey.request.body.length
    if journey.operation.money is not Money.PRICED:
        return False
    if length is not None and length <= whole_bytes_max:
        return False
    sent = journey.sent(content_type, b"")
    try:
        reader = journey.vendor.stream(journey.operation, sent)
    except (Unreadable, MediaTypeRefused, RuleRefused) as exc:
        raise as_refusal(exc) from None
    if reader is None:
        return False
    journey.passing = reader
    size = str(length).encode()  # what it says is not known when a retry is looked for
    journey.reading = Reading(journey.operation, sent.path, sent.query, sent.content_type, size, {})
    return True


def price_exactly(journey: Journey, rates: Rates) -> None:
    """Of a body that has passed: what it does cost, judged by the key's rules. Raises refusals,
    also where it is more than what was held."""
    bound = journey.quote
    try:
        quote = journey.vendor.quote(journey.reading, rates, (), None)
    except (Unreadable, RuleRefused, Unpriced) as exc:
        raise as_refusal(exc) from None
    assert isinstance(quote, Quote), "a body that passes is priced without a lookup"
    if journey.retried is None:
        if quote.amount_micros > bound.amount_micros or quote.units > bound.units:
            raise AmountUnreadable("body: it costs more than was held for it", field="body")
        journey.quote = quote
    judge_terms(journey, quote)


def refuse_unpriced(journey: Journey) -> None:
    """Before the body is asked for: an operation nobody prices needs a fixed hold of its key's.
    Raises EndpointUnpriced."""
    _fixed_hold(journey)


def fixed_hold(terms: Terms, method: str, allow_path: str) -> int | None:
    """The hold in micros that the key gives an operation nobody can price; None: it gives none."""
    for allowed, micros in terms.allow_unpriced:
        if allowed.allows(method, allow_path):
            return micros
    return None


async def price(journey: Journey, rates: Rates, ledger: Ledger, gate: Gate = open_gate) -> None:
    """Set the journey's quote. gate: asked before each look-up. Raises refusals, and
    RefusedByVendor."""
    if journey.retried is not None:
        hold = journey.retried.hold
        journey.quote = objects.kept_quote(hold)
        journey.fixed = hold is not None and remark_of(hold).trace == FIXED
    elif journey.operation.money is not Money.PRICED:
        journey.quote = _fixed_quote(journey, _fixed_hold(journey))
    elif journey.passing is not None:
        journey.quote = journey.passing.bound
        return  # the key's rules are judged on what it says, before its last byte leaves
    else:
        journey.known = known_holds(journey, journey.operation.object_id, ledger)
        asked = _ask(journey, rates, ())
        if not isinstance(asked, Quote):
            asked = await _quote(journey, rates, asked, gate)
        journey.quote = asked
        object_id = journey.quote.object_id
        if object_id != journey.operation.object_id:
            journey.known = known_holds(journey, object_id, ledger)
    judge_terms(journey, journey.quote)


def object_tag(journey: Journey, object_id: str) -> str:
    """What the ledger calls an object: it belongs to one real account at one vendor."""
    terms = journey.key.terms
    return f"{terms.vendor}/{terms.account}/{object_id}"


def known_holds(journey: Journey, object_id: str | None, ledger: Ledger) -> list[Hold]:
    if object_id is None:
        return []
    return objects.alive(ledger.tagged(object_tag(journey, object_id)))


def _fixed_hold(journey: Journey, why: str = "") -> int:
    operation = journey.operation
    micros = fixed_hold(journey.key.terms, operation.method, journey.allow_path)
    if micros is None:
        why = why or operation.note or "it writes, and no catalogue knows it"
        raise EndpointUnpriced(
            f"{operation.method} {operation.pattern} cannot be priced in advance ({why}); "
            "the key's allow_unpriced can give it a fixed hold.",
            operation=operation.name,
            setting="allow_unpriced",
        )
    return micros


def _fixed_quote(journey: Journey, micros: int, countries: tuple[str, ...] = ()) -> Quote:
    journey.fixed = True
    return Quote(micros, "the fixed hold of the key's allow_unpriced", countries=countries)


def _ask(journey: Journey, rates: Rates, found: Sequence[Answer]) -> Quote | Lookup:
    """What the vendor module says with what was found so far."""
    try:
        kept = objects.kept_rate(journey.known)
        return journey.vendor.quote(journey.reading, rates, found, kept)
    except Unpriced as unpriced:
        held = _fixed_hold(journey, str(unpriced))
        return _fixed_quote(journey, held, unpriced.countries)
    except (Unreadable, MediaTypeRefused, RuleRefused) as exc:
        raise as_refusal(exc) from None


async def _quote(journey: Journey, rates: Rates, asked: Quote | Lookup, gate: Gate) -> Quote:
    """The quote, with as many lookups as it takes."""
    found: list[Answer] = []
    while not isinstance(asked, Quote):
        if len(found) == LOOKUPS_MAX:
            raise EndpointUnpriced("The price took more lookups than are made.")
        found.append(await _look_up(journey, asked, gate))
        asked = _ask(journey, rates, found)
    return asked


async def _look_up(journey: Journey, lookup: Lookup, gate: Gate) -> Answer:
    journey.lookups.append(lookup.target)
    began_ns = monotonic_ns()
    try:
        through = journey.eyes or journey.upstream
        reply = await through.look(lookup, journey.account_headers, gate)
    except (NotSent, OutcomeUnknown) as exc:
        raise VendorUnreachable(
            f"The price could not be looked up: {exc}.", stage="lookup"
        ) from exc
    finally:
        journey.vendor_us += (monotonic_ns() - began_ns) // 1_000
    if reply.body is None:
        await reply.close()
        raise VendorUnreachable("The price could not be looked up: too long.", stage="lookup")
    answer = Answer(reply.status, dict(reply.headers), reply.body)
    if answer.status in _TOLD_AS_IT_IS:
        raise RefusedByVendor(answer)
    if answer.status != 200:
        raise VendorUnreachable(
            f"The price could not be looked up: the vendor answered {answer.status}.",
            stage="lookup",
            vendor_status=answer.status,
        )
    return answer


def judge_terms(journey: Journey, quote: Quote | None) -> None:
    """The key's rules on amount, currency and fields; in shadow mode they only speak. quote: None
    for a call that costs nothing. Raises PolicyRefused."""
    for result in judge(journey.key.terms, journey.reading, quote):
        if result.passed:
            continue
        refusal = PolicyRefused(result.detail, rule=result.rule)
        if journey.key.terms.mode is not Mode.SHADOW:
            if quote is not None:  # no hold will tell the audit log what it could have cost
                journey.record.quote_micros = quote.amount_micros
            raise refusal
        journey.would_refuse = journey.would_refuse or refusal
