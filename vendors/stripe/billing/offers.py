"""Quotes of Stripe's (`qt_…`), called offers here: what a customer is offered, and accepts.

A draft commits nothing and cannot be accepted. A finalized one can, also by somebody in Stripe's
dashboard without any call through us: it is the object, and stands at what it comes to until it is
accepted or canceled. Accepting it makes an invoice or a subscription and settles it in full; a
subscription's renewals are not counted. Creating and changing a draft costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vendors.contract import Answer, End, Quote, Reading
from vendors.rates import Rate, Rates
from vendors.stripe.asked import NEITHER, Quoters, path_id, total_quote
from vendors.stripe.billing.exact import branch, figure
from vendors.stripe.billing.steps import Asking, Steps, admit, frees, look, quoter
from vendors.stripe.things import Unclear, check_kind, text
from vendors.stripe.verdicts import Rereaders, Settler, Tree, Verdict, check_id, rate_of


def _draft(reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None) -> Quote:
    return Quote(0, "a draft commits nothing until it is finalized")


def _commit(ask: Asking) -> Steps[Quote]:
    """Finalizing and accepting: once now, and the first period of what recurs."""
    admit(ask.fields, NEITHER, {"expand", "expires_at"})
    offer_id = path_id(ask.reading)
    tree = yield from look(
        f"/v1/quotes/{offer_id}", "what the quote comes to is at Stripe", "quote", offer_id
    )
    currency = text(tree, "currency").lower()
    return total_quote(offer_id, currency, _total(tree), 0, ask.rates, ask.kept)


def _total(tree: Tree) -> int:
    """`amount_total`, or what its upfront part and one period come to if that is more."""
    computed = branch(tree, "computed")
    parts = [computed.get(name) for name in ("upfront", "recurring")]
    shown = sum(figure(part, "amount_total") for part in parts if isinstance(part, dict))
    return max(figure(tree, "amount_total"), shown)


def of_offer(quote: Quote, tree: Tree) -> Verdict:
    """What an offer means for all that is held for it: its quote, until it is no more. Raises
    Unclear."""
    check_kind(tree, "quote")
    offer_id, status = text(tree, "id"), text(tree, "status")
    check_id(quote, offer_id)
    if status == "canceled":
        return Verdict(End.RELEASED, 0, 0, offer_id, offer_id)
    if quote.rate is None:
        return Verdict(End.SETTLED, label=offer_id)
    rate = rate_of(quote, text(tree, "currency").lower())
    micros = max(quote.amount_micros, rate.to_micros(_total(tree)))
    if status == "accepted" or not micros:
        return Verdict(End.SETTLED, micros, 0, offer_id, offer_id)
    if status not in ("draft", "open"):
        raise Unclear("the quote has a status that is not known")
    return Verdict(End.STANDING, 0, micros, offer_id, offer_id)


def _settle(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    return of_offer(quote, tree)


_QUOTE: Final = "PostQuotesQuote"

QUOTERS: Final[Quoters] = {
    "PostQuotes": (_draft, NEITHER),
    _QUOTE: (_draft, NEITHER),
    f"{_QUOTE}Finalize": (quoter(_commit), NEITHER),
    f"{_QUOTE}Accept": (quoter(_commit), NEITHER),
    f"{_QUOTE}Cancel": (frees("a quote that is canceled commits nothing"), NEITHER),
}
SETTLERS: Final[Mapping[str, Settler]] = dict.fromkeys(QUOTERS, _settle)
REREADERS: Final[Rereaders] = {"qt_": ("/v1/quotes/", of_offer)}
