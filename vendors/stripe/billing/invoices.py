"""Invoices: what one can still collect counts from the moment it is drafted.

The object is the invoice (`in_…`). What is due stands while it is a draft, open or uncollectible:
Stripe may collect it by itself, and whoever has its link can pay it. What was paid is settled; what
was paid outside of Stripe never moved here and is left out. Paid and void invoices are through.

| operation | quote: the most that the invoice comes to |
| --- | --- |
| create | the customer's waiting items if they are drawn in; of a subscription: its preview |
| finalize, send, pay, attach a payment | what is due |
| update | what is due; parameters that can raise it have no price |
| pay out of band | what had been paid before |
| void, take lines off | nothing more |
| delete | what it was due: its items may wait for another invoice |

`pending_invoice_items_behavior` left out is read as `include`: API versions before 2022-08-01 do.
A refused payment whose intent lives on leaves the invoice standing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from vendors.contract import Answer, End, Quote, Reading, Unpriced, Unreadable
from vendors.rates import Rate, Rates
from vendors.stripe.asked import (
    NEITHER,
    Quoters,
    checked_id,
    nothing_more,
    path_id,
    total_quote,
)
from vendors.stripe.billing.exact import figure, listed, round_up, signed
from vendors.stripe.billing.previews import mapped, preview_quote, without_credit
from vendors.stripe.billing.steps import (
    Asking,
    Steps,
    admit,
    freeing,
    frees,
    look,
    plain_quote,
    quoter,
)
from vendors.stripe.billing.taxes import (
    NONE,
    asked_tax,
    refuse_automatic_tax,
    shares,
    taxed_automatically,
)
from vendors.stripe.currencies import known
from vendors.stripe.things import Unclear, check_kind, text
from vendors.stripe.verdicts import (
    Emits,
    Leftover,
    Rereaders,
    Settler,
    Tree,
    Verdict,
    aside,
    both_micros,
    check_id,
    named,
    rate_of,
)

_STANDING: Final = frozenset({"draft", "open", "uncollectible"})
_OVER: Final = frozenset({"paid", "void"})

_WORDS: Final = frozenset(
    {
        *("account_tax_ids", "custom_fields", "description", "effective_at", "expand", "footer"),
        *("metadata", "number", "rendering", "rendering_options", "statement_descriptor"),
    }
)
_HARMLESS: Final = _WORDS | {
    *("application_fee_amount", "auto_advance", "automatically_finalizes_at", "collection_method"),
    *("days_until_due", "default_payment_method", "default_source", "due_date", "on_behalf_of"),
    *("payment_settings", "transfer_data"),
}
"""When and from what it is collected, and whose money it is then: not how much."""
_PLACES: Final = frozenset({"issuer", "shipping_details"})
"""Where seller and payer are: nothing, unless Stripe works out the tax."""
_OWNER: Final = frozenset({"customer", "customer_account"})
_CREATION: Final = frozenset(
    {
        *("automatic_tax[enabled]", "automatic_tax[liability][account]", "default_tax_rates[]"),
        *("automatic_tax[liability][type]", "currency", "default_tax_rates", "discounts"),
        *("discounts[][coupon]", "discounts[][discount]", "discounts[][promotion_code]"),
        "pending_invoice_items_behavior",
    }
)
_PREVIEWED: Final = {
    name: name
    for name in (
        *("automatic_tax", "currency", "customer", "customer_account", "discounts", "issuer"),
        *("on_behalf_of", "subscription"),
    )
} | {"default_tax_rates": "subscription_details[default_tax_rates]"}


@dataclass(frozen=True, slots=True)
class Invoice:
    """due: what it asks for in all. paid: of it, through Stripe. Minor units of `currency`."""

    id: str
    status: str
    currency: str
    due: int
    paid: int

    @property
    def over(self) -> bool:
        return self.status in _OVER

    @property
    def standing(self) -> int:
        return 0 if self.over else max(0, self.due - self.paid)

    @property
    def total(self) -> int:
        return self.paid + self.standing


def read_invoice(tree: Tree) -> Invoice:
    """What was paid outside of Stripe is neither due nor paid. A negative sum is due to nobody.
    Credit that a draft counts on may be gone when it is finalized. Raises Unclear."""
    check_kind(tree, "invoice")
    status = text(tree, "status")
    if status not in _STANDING and status not in _OVER:
        raise Unclear("the invoice has a status that is not known")
    paid = figure(tree, "amount_paid")
    outside = _outside(tree, paid)
    due = max(0, signed(tree, "amount_due") - outside)
    if status == "draft":
        due = max(due, without_credit(tree))
    currency = text(tree, "currency").lower()
    return Invoice(text(tree, "id"), status, currency, due, max(0, paid - outside))


def _outside(tree: Tree, paid: int) -> int:
    """Older API versions know only invoices that were paid outside altogether."""
    if tree.get("amount_paid_off_stripe") is not None:
        return figure(tree, "amount_paid_off_stripe")
    return paid if tree.get("paid_out_of_band") is True else 0


def found_invoice(invoice_id: str) -> Steps[Tree]:
    why = "what the invoice is due is at Stripe"
    return (yield from look(f"/v1/invoices/{invoice_id}", why, "invoice", invoice_id))


def of_total(ask: Asking, invoice: Invoice, more: int = 0) -> Quote:
    """The invoice comes to what it is due, and so much more (minor units)."""
    if invoice.over:
        return nothing_more(invoice.id, invoice.status)
    total = invoice.total + more
    return total_quote(invoice.id, invoice.currency, total, invoice.paid, ask.rates, ask.kept)


def _collect(ask: Asking) -> Steps[Quote]:
    """Finalizing, sending and paying: whatever is due can be collected then."""
    invoice = read_invoice((yield from found_invoice(path_id(ask.reading))))
    return of_total(ask, invoice)


def _pay(ask: Asking) -> Steps[Quote]:
    """What is paid outside of Stripe charges nothing: no more moves than had before."""
    if not _outside_of_stripe(ask.reading):
        return (yield from _collect(ask))
    invoice = read_invoice((yield from found_invoice(path_id(ask.reading))))
    paid = replace(invoice, due=invoice.paid)
    return of_total(ask, paid)


def _outside_of_stripe(reading: Reading) -> bool:
    return reading.fields.get("paid_out_of_band") == "true"


def _delete(ask: Asking) -> Steps[Quote]:
    """The items of a draft may wait again, for an invoice that nobody sees coming: what it was due
    stays counted."""
    return of_total(ask, read_invoice((yield from found_invoice(path_id(ask.reading)))))


def _update(ask: Asking) -> Steps[Quote]:
    fields = ask.fields
    if all(name.partition("[")[0] in _WORDS for name in fields):
        return Quote(0, "no money field changes")
    admit(fields, NEITHER, _HARMLESS | _PLACES)
    tree = yield from found_invoice(path_id(ask.reading))
    moved = next((name for name in fields if name.partition("[")[0] in _PLACES), None)
    if moved is not None and taxed_automatically(tree):
        raise Unpriced(f"{moved} changes the invoice's automatic tax")
    return of_total(ask, read_invoice(tree))


def _create(ask: Asking) -> Steps[Quote]:
    fields = ask.fields
    if fields.get("subscription"):
        pairs = mapped(fields, _PREVIEWED, _HARMLESS | {"pending_invoice_items_behavior"})
        return (yield from preview_quote(ask, pairs, "an invoice of a subscription"))
    admit(fields, _CREATION, _HARMLESS | _PLACES | _OWNER)
    if fields.get("pending_invoice_items_behavior") == "exclude":
        return Quote(0, "a draft without lines is due nothing")
    return (yield from _drawn_in(ask))


def _drawn_in(ask: Asking) -> Steps[Quote]:
    """All that waits for the customer, in the invoice's currency: items made elsewhere too."""
    fields = ask.fields
    owner = next((name for name in sorted(_OWNER) if fields.get(name)), None)
    if owner is None:
        raise Unreadable("customer", "missing")
    target = f"/v1/invoiceitems?{owner}={checked_id(owner, fields[owner])}&pending=true&limit=100"
    page = yield from look(target, "what waits for the customer's next invoice", "list")
    items = [item for item in listed(page) if signed(item, "amount") > 0]
    if "currency" in fields:
        currency = known("currency", fields["currency"])
        items = [item for item in items if text(item, "currency").lower() == currency]
    if not items:
        return Quote(0, "a draft without lines is due nothing")
    refuse_automatic_tax(fields)
    currencies = {text(item, "currency").lower() for item in items}
    if len(currencies) > 1:
        raise Unreadable("currency", "missing: items wait in more than one currency")
    tax = (yield from asked_tax(ask, "", "default_tax_rates")) or NONE
    total = sum((_with_tax(item, tax) for item in items), NONE)
    return plain_quote(ask, currencies.pop(), round_up(total), "the items that wait come to")


def _with_tax(item: Tree, tax: Fraction) -> Fraction:
    """An item's own rates stand in for the invoice's."""
    own = listed(item.get("tax_rates"))
    return signed(item, "amount") * (1 + (shares(own) if own else tax))


def _take_off(reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None) -> Quote:
    """A line that is only unassigned waits for the next invoice, where nothing holds it."""
    fields = reading.fields
    admit(fields, {"lines[][id]", "lines[][behavior]"}, {"expand", "invoice_metadata"})
    for name, value in fields.items():
        if name.endswith("[behavior]") and value != "delete":
            raise Unpriced(f"{name}: only a line that is deleted is sure to be owed no more")
    return freeing(reading, kept, "taking lines off lowers what is due")


def of_invoice(quote: Quote, tree: Tree) -> Verdict:
    """What an invoice means for all that is held for it. Raises Unclear."""
    if tree.get("object") == "invoice" and tree.get("deleted") is True:
        check_id(quote, named(tree))
        return Verdict(End.SETTLED, quote.amount_micros, 0, named(tree), named(tree))
    invoice = read_invoice(tree)
    check_id(quote, invoice.id)
    if quote.rate is None:
        return _uncounted(quote, invoice)
    rate = rate_of(quote, invoice.currency)
    settled, standing = both_micros(rate, invoice.paid, invoice.standing)
    if standing:
        end = End.STANDING
    else:
        end = End.RELEASED if invoice.status == "void" and not settled else End.SETTLED
    return Verdict(end, settled, standing, invoice.id, invoice.id)


def _uncounted(quote: Quote, invoice: Invoice) -> Verdict:
    """Nothing is held for it here: a draft without lines, or one that somebody else drew up."""
    if quote.object_id is None and invoice.total:
        raise Unclear("the draft has lines that nothing foretold")
    return Verdict(End.SETTLED, label=invoice.id)


def settle(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    """For the operations that answer with the invoice they are about."""
    if aside(reading, quote):
        return Verdict(End.SETTLED, label=named(tree))
    return of_invoice(quote, tree)


def _settle_payment(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    """Not every API version says of a paid invoice what of it was paid outside."""
    verdict = settle(reading, quote, tree)
    if not _outside_of_stripe(reading) or verdict.object_id is None or verdict.standing_micros:
        return verdict
    return verdict._replace(settled_micros=min(verdict.settled_micros, quote.amount_micros))


def leftover(reading: Reading, quote: Quote, error: Tree) -> Verdict | None:
    """A payment that was refused and whose intent lives on leaves the invoice to be collected."""
    intent = error.get("payment_intent")
    if quote.object_id is None or quote.rate is None or intent is None:
        return None
    if not isinstance(intent, dict):
        raise Unclear("the refusal names a payment intent and does not show it")
    standing = quote.amount_micros - quote.before_micros
    if intent.get("status") == "canceled" or standing <= 0:
        return None
    object_id = quote.object_id
    return Verdict(End.STANDING, quote.before_micros, standing, object_id, object_id)


_INVOICE: Final = "PostInvoicesInvoice"
_COLLECTING: Final = ("Finalize", "Send", "AttachPayment")

QUOTERS: Final[Quoters] = {
    "PostInvoices": (quoter(_create), frozenset({"currency"})),
    _INVOICE: (quoter(_update), NEITHER),
    f"{_INVOICE}Pay": (quoter(_pay), NEITHER),
    f"{_INVOICE}RemoveLines": (_take_off, NEITHER),
    f"{_INVOICE}Void": (frees("a void invoice collects nothing"), NEITHER),
    "DeleteInvoicesInvoice": (quoter(_delete), NEITHER),
    **{f"{_INVOICE}{name}": (quoter(_collect), NEITHER) for name in _COLLECTING},
}
SETTLERS: Final[Mapping[str, Settler]] = {
    **dict.fromkeys(QUOTERS, settle),
    f"{_INVOICE}Pay": _settle_payment,
}
LEFTOVERS: Final[Mapping[str, Leftover]] = dict.fromkeys(QUOTERS, leftover)
REREADERS: Final[Rereaders] = {"in_": ("/v1/invoices/", of_invoice)}
EMITS: Final[Mapping[str, Emits]] = {"PostInvoices": Emits(("invoice.created",), of_invoice)}
