"""Payment links: pages that anybody can pay, again and again.

Only `restrictions[completed_sessions][limit]` ends that; a link without it has no price. With it
the link (`plink_…`) is the object: the most that one payer can be asked for, times the limit. Of
that, what completed sessions came to at most is settled and the rest stands, until the link is no
longer active. A link that is changed costs nothing as long as no line, limit or tax of it changes;
one that is deactivated frees what is left of it when it is next read.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from vendors.contract import End, Quote, Reading, Unpriced, Unreadable
from vendors.money import ceil_div
from vendors.stripe.asked import NEITHER, Quoters
from vendors.stripe.billing.exact import branch, figure, round_up, whole
from vendors.stripe.billing.hosted import HARMLESS, PRICED, most
from vendors.stripe.billing.steps import Asking, Steps, admit, plain_quote, quoter
from vendors.stripe.currencies import known
from vendors.stripe.things import check_kind, text
from vendors.stripe.verdicts import Emits, Rereaders, Settler, Tree, Verdict, check_id, rate_of

_LIMIT: Final = "restrictions[completed_sessions][limit]"
_PAGE: Final = HARMLESS | {
    *("after_completion", "application_fee_amount", "application_fee_percent"),
    *("inactive_message", "transfer_data"),
}


def _create(ask: Asking) -> Steps[Quote]:
    fields = ask.fields
    admit(fields, PRICED | {_LIMIT}, _PAGE)
    if _LIMIT not in fields:
        raise Unpriced(f"{_LIMIT} is missing: without it a link can be paid any number of times")
    limit = whole(_LIMIT, fields[_LIMIT])
    if limit < 1:
        raise Unreadable(_LIMIT, "write a whole number above zero")
    code = fields.get("currency")
    page = yield from most(ask, None if code is None else known("currency", code))
    total = round_up(Fraction(page.minor * limit))
    return plain_quote(ask, page.currency, total, f"a link that {limit} can pay comes to at most")


def _update(ask: Asking) -> Steps[Quote]:
    yield from ()
    admit(ask.fields, {"active"}, _PAGE)
    if ask.fields.get("active", "false") != "false":
        raise Unpriced("active: a link that is opened again can be paid again")
    return Quote(0, "nothing in it can be paid more often, or for more")


def of_link(quote: Quote, tree: Tree) -> Verdict:
    """What a link means for all that is held for it: quote.amount_micros, for as many sessions as
    its limit. Raises Unclear."""
    check_kind(tree, "payment_link")
    link_id = text(tree, "id")
    check_id(quote, link_id)
    if quote.rate is None:
        return Verdict(End.SETTLED, label=link_id)
    rate_of(quote, text(tree, "currency").lower())
    completed = branch(branch(tree, "restrictions"), "completed_sessions")
    limit = figure(completed, "limit")
    done = min(figure(completed, "count"), limit)
    settled = ceil_div(quote.amount_micros * done, limit) if done else 0
    left = quote.amount_micros - settled
    if tree.get("active") is not False and left:
        return Verdict(End.STANDING, settled, left, link_id, link_id)
    return Verdict(End.SETTLED if settled else End.RELEASED, settled, 0, link_id, link_id)


def _settle(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    return of_link(quote, tree)


_LINKS: Final = "PostPaymentLinks"

QUOTERS: Final[Quoters] = {
    _LINKS: (quoter(_create), frozenset({"currency"})),
    f"{_LINKS}PaymentLink": (quoter(_update), NEITHER),
}
SETTLERS: Final[Mapping[str, Settler]] = dict.fromkeys(QUOTERS, _settle)
REREADERS: Final[Rereaders] = {"plink_": ("/v1/payment_links/", of_link)}
EMITS: Final[Mapping[str, Emits]] = {_LINKS: Emits(("payment_link.created",), of_link)}
