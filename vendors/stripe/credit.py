"""Credits: credit notes that refund, and changes to what a customer owes on the next invoice.

A credit note moves money back by its `refund_amount` alone; `credit_amount` goes to the customer's
balance, `out_of_band_amount` was paid elsewhere, and refunds it links (`refunds`) were made before.
One that names no `refund_amount` is shown to Stripe's preview first, with the very same parameters:
what of it falls after payment and is not covered by those three is what it could send back. The
currency is the invoice's.

Voiding a credit note, a balance transaction, a credit grant and its end change what a customer owes
without a further call: each counts by its amount, in either direction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from vendors import form
from vendors.contract import Answer, End, Lookup, Quote, Reading, Unpriced, Unreadable
from vendors.rates import Rate, Rates
from vendors.stripe.asked import (
    ALONE,
    BOTH,
    NEITHER,
    Fields,
    Quoters,
    amount_of,
    look_up,
    needed_currency,
    one_sum,
)
from vendors.stripe.currencies import known
from vendors.stripe.moved import Kind, at_quote, emits, named_id, shows, stores
from vendors.stripe.things import Unclear, check_kind, figure, read_object, reference, text
from vendors.stripe.verdicts import (
    Emits,
    Settler,
    Tree,
    Verdict,
    check_reference,
    held,
    named,
    rate_of,
)

BALANCE_TRANSACTION: Final = Kind("customer_balance_transaction", signed=True)
GRANT: Final = Kind(
    "billing.credit_grant",
    "/v1/billing/credit_grants/",
    ("amount", "monetary", "value"),
    ("amount", "monetary", "currency"),
)
_NOTE: Final = Kind("credit_note", "/v1/credit_notes/")
_INVOICE: Final = Kind("invoice", "/v1/invoices/", ("amount_paid",))
_SIGNED: Final = re.compile(r"-?([1-9][0-9]{0,11})", re.ASCII)
_TARGET_CHARS_MAX: Final = 8_000
"""What servers take of a path and query, with room to spare."""
_VOID: Final = frozenset({"void"})
_COVERED: Final = ("credit_amount", "out_of_band_amount")


def _credit_note(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    fields = reading.fields
    asked = None if fields.get("refund_amount") == "0" else amount_of(fields, "refund_amount")
    if asked is None:
        return _previewed(fields, rates, found)
    why = "the currency of the invoice is at Stripe"
    invoice = look_up(_INVOICE.path, named_id(reading, "invoice"), why, _INVOICE.read, found)
    if isinstance(invoice, Lookup):
        return invoice
    currency = known("currency", invoice.currency)
    return one_sum(asked, currency, rates, "a credit note that refunds", "refund_amount")


def _previewed(fields: Fields, rates: Rates, found: Sequence[Answer]) -> Quote | Lookup:
    if not found:
        pairs = [(name, value) for name, value in fields.items() if not name.startswith("expand")]
        query = form.encode(pairs).decode("ascii").replace("[", "%5B").replace("]", "%5D")
        target = f"/v1/credit_notes/preview?{query}"
        if len(target) > _TARGET_CHARS_MAX:
            raise Unpriced("a credit note too long to be previewed; name its refund_amount")
        return Lookup(target, "what a credit note refunds is worked out at Stripe")
    try:
        note = read_object(found[0].body)
        check_kind(note, _NOTE.name)
        currency, amount = text(note, "currency"), _uncovered(note, fields)
    except Unclear as exc:
        raise Unpriced(f"the preview of the credit note: {exc}") from exc
    return one_sum(amount, known("currency", currency), rates, "a credit note that can refund")


def _uncovered(note: Tree, fields: Fields) -> int:
    """Of what falls after payment, the part that neither credit nor a refund made before covers.
    Older versions of the API do not tell what falls after payment: then all of it may."""
    amount = figure(note, "post_payment_amount" if "post_payment_amount" in note else "amount")
    covered = sum(_zero_or_amount(fields, name) for name in _COVERED)
    return max(0, amount - covered - sum(figure(r, "amount_refunded") for r in _refunds(note)))


def _zero_or_amount(fields: Fields, name: str) -> int:
    return 0 if fields.get(name) in (None, "0") else amount_of(fields, name) or 0


def _refunds(note: Tree) -> list[Tree]:
    """The refunds that a credit note shows."""
    refunds = note.get("refunds") or []
    if not isinstance(refunds, list) or not all(isinstance(each, dict) for each in refunds):
        raise Unclear("refunds is not a list of objects")
    return refunds


def _credited(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    """A refund that was asked for was made. One that was not is looked for: none, and nothing
    moved."""
    check_kind(tree, _NOTE.name)
    check_reference(reading.fields.get("invoice"), reference(tree, "invoice"))
    if reading.fields.get("refund_amount", "0") != "0" or tree.get("refund"):
        return at_quote(reading, quote, tree)
    linked = {v for n, v in reading.fields.items() if n.endswith("[refund]")}
    made = [each for each in _refunds(tree) if not _made_before(each, linked)]
    moved = sum(figure(each, "amount_refunded") for each in made)
    if not moved:
        return Verdict(End.RELEASED, label=named(tree))
    rate = rate_of(quote, text(tree, "currency").lower())
    return Verdict(End.SETTLED, rate.to_micros(moved), label=named(tree))


def _made_before(refund: Tree, linked: set[str]) -> bool:
    """A refund that the request linked, or one that was made outside of Stripe."""
    return reference(refund, "refund") in linked or refund.get("type") == "payment_record_refund"


def _balance_change(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote:
    """A minus is credit for the customer, none is a debit: either counts by its amount."""
    match = _SIGNED.fullmatch(reading.fields.get("amount", ""))
    if match is None:
        raise Unreadable("amount", "write a whole number, with a minus for credit, and not zero")
    currency = needed_currency(reading.fields)
    return one_sum(int(match[1]), currency, rates, "a change of a customer's balance of")


def _grant(reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None) -> Quote:
    amount = amount_of(reading.fields, "amount[monetary][value]")
    if amount is None:
        raise Unreadable("amount[monetary][value]", "missing")
    currency = needed_currency(reading.fields, "amount[monetary][currency]")
    return one_sum(amount, currency, rates, "a credit grant of", "amount[monetary][value]")


_end_grant: Final = stores("ending a credit grant of", GRANT)


def _update_grant(
    reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """Another end can be an end at once."""
    if "expires_at" in reading.fields:
        return _end_grant(reading, rates, found, kept)
    return Quote(0, "when the grant ends does not change")


_GRANTS: Final = "PostBillingCreditGrants"
_BALANCES: Final = "PostCustomersCustomerBalanceTransactions"

QUOTERS: Final[Quoters] = {
    "PostCreditNotes": (_credit_note, ALONE | {"refund_amount"}),
    "PostCreditNotesIdVoid": (
        stores("voiding a credit note of", _NOTE, over=frozenset({"void"})),
        NEITHER,
    ),
    _BALANCES: (_balance_change, BOTH),
    _GRANTS: (_grant, NEITHER),
    f"{_GRANTS}Id": (_update_grant, NEITHER),
    f"{_GRANTS}IdExpire": (_end_grant, NEITHER),
    f"{_GRANTS}IdVoid": (_end_grant, NEITHER),
}

SETTLERS: Final[Mapping[str, Settler]] = {
    "PostCreditNotes": _credited,
    "PostCreditNotesIdVoid": shows(_NOTE, "id"),
    _BALANCES: shows(BALANCE_TRANSACTION, "customer"),
    _GRANTS: shows(GRANT),
    f"{_GRANTS}Id": shows(GRANT, "id"),
    f"{_GRANTS}IdExpire": shows(GRANT, "id"),
    f"{_GRANTS}IdVoid": shows(GRANT, "id"),
}

EMITS: Final[Mapping[str, Emits]] = {
    "PostCreditNotes": Emits(("credit_note.created",), held),
    "PostCreditNotesIdVoid": Emits(("credit_note.voided",), held),
    _GRANTS: emits(GRANT, "billing.credit_grant.created"),
    f"{_GRANTS}IdExpire": Emits(("billing.credit_grant.updated",), held, always=False),
    f"{_GRANTS}IdVoid": Emits(("billing.credit_grant.updated",), held, always=False),
}
"""A change of a customer's balance leaves no event of its own."""
