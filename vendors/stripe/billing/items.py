"""Items: what is added to an invoice, or waits for the next one.

An item that names its invoice, and every line of one, belongs to that invoice (`in_…`): the quote
is what the invoice comes to with it, in full even where it takes the place of a smaller one. An
item that names none waits (`ii_…`) for an invoice that may be drawn up without any call through us:
it stands at its amount until it is deleted. Once it is on an invoice, it counts beside that invoice
where we know both: over-counting is safe, and ends when the invoice is void or the item deleted.
What is below zero lowers nothing; deleting it counts, because an invoice grows by it.

| operation | quote |
| --- | --- |
| create an item, change one | its worth; on an invoice: what the invoice comes to with it |
| delete an item | nothing more; a negative one: what invoices grow by |
| add lines, change lines | what the invoice comes to with them |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

from vendors.contract import End, Quote, Reading, Unpriced
from vendors.stripe.asked import (
    ALONE,
    BOTH,
    NEITHER,
    Quoters,
    checked_id,
    path_id,
    total_quote,
)
from vendors.stripe.billing import invoices
from vendors.stripe.billing.exact import branch, listed, round_up, signed, whole
from vendors.stripe.billing.invoices import found_invoice, of_total, read_invoice
from vendors.stripe.billing.steps import (
    Asking,
    Steps,
    admit,
    elements,
    freeing,
    look,
    path_part,
    plain_quote,
    quoter,
    template,
    within,
)
from vendors.stripe.billing.taxes import shares, taxed_automatically
from vendors.stripe.billing.worth import HARMLESS, PRICED, worth
from vendors.stripe.things import Unclear, check_kind, reference, text
from vendors.stripe.verdicts import (
    Emits,
    Rereaders,
    Settler,
    Tree,
    Verdict,
    aside,
    check_id,
    check_reference,
    named,
    rate_of,
)

_OWNERS: Final = frozenset({"customer", "customer_account", "subscription"})
_TAX_RATE: Final = (
    *("country", "description", "display_name", "inclusive", "jurisdiction", "tax_type"),
    *("jurisdiction_level", "percentage", "state"),
)
_TAX: Final = "tax_amounts[][amount]"
_PRODUCT: Final = (
    *("[description]", "[images][]", "[name]", "[tax_code]", "[unit_label]"),
    *("[tax_details][performance_location]", "[tax_details][tax_code]"),
)
_LINE: Final = frozenset(
    {
        *(*PRICED, _TAX, "tax_amounts[][taxability_reason]", "tax_amounts[][taxable_amount]"),
        *(f"tax_amounts[][tax_rate_data][{name}]" for name in _TAX_RATE),
        *(f"price_data[product_data]{part}" for part in _PRODUCT),
        *("description", "id", "period[end]", "period[start]"),
    }
)
_SILENT: Final = frozenset({*HARMLESS, "id", "metadata[]"})
"""Parts of a line that leave its amount alone."""

Stored = Callable[[Asking, str, Tree], Steps["Tree | None"]]
"""What Stripe has of an item already: the request, the item's name in it, and the invoice."""


def found_item(item_id: str) -> Steps[Tree]:
    why = "what the item comes to is at Stripe"
    return (yield from look(f"/v1/invoiceitems/{item_id}", why, "invoiceitem", item_id))


def _create(ask: Asking) -> Steps[Quote]:
    admit(ask.fields, {*PRICED, "invoice"}, HARMLESS | _OWNERS)
    invoice_id = ask.fields.get("invoice")
    if invoice_id:
        invoice_id = checked_id("invoice", invoice_id)
        return (yield from _on_invoice(ask, invoice_id, [""], _nothing))
    item = yield from worth(ask, "", None)
    return plain_quote(ask, item.currency, round_up(item.amount), "an item that waits comes to")


def _update(ask: Asking) -> Steps[Quote]:
    """It may be refused, and stay as it was."""
    if _silent(ask, ""):
        return Quote(0, "no money field changes")
    admit(ask.fields, PRICED, HARMLESS)
    item = yield from found_item(path_id(ask.reading))
    invoice_id = reference(item, "invoice")
    if invoice_id:
        invoice_id = checked_id("invoice", invoice_id)
        return (yield from _on_invoice(ask, invoice_id, [""], _by_path))
    currency = text(item, "currency").lower()
    changed = yield from worth(ask, "", currency, stored=item)
    total = max(round_up(changed.amount), round_up(Fraction(signed(item, "amount"))))
    return total_quote(path_id(ask.reading), currency, total, 0, ask.rates, ask.kept)


def _delete(ask: Asking) -> Steps[Quote]:
    item = yield from found_item(path_id(ask.reading))
    amount = signed(item, "amount")
    if amount >= 0:
        return freeing(ask.reading, ask.kept, "an item that is deleted is owed no more")
    invoice_id = reference(item, "invoice")
    if invoice_id:
        invoice = read_invoice((yield from found_invoice(checked_id("invoice", invoice_id))))
        return of_total(ask, invoice, -amount)
    currency = text(item, "currency").lower()
    return plain_quote(ask, currency, -amount, "without this credit an invoice grows by")


def _add_lines(ask: Asking) -> Steps[Quote]:
    allowed = {within("lines[]", part) for part in (*_LINE, "invoice_item")}
    admit(ask.fields, allowed, {"expand", "invoice_metadata"})
    lines = elements(ask.fields, "lines")
    return (yield from _on_invoice(ask, _invoice_id(ask), lines, _waiting))


def _update_lines(ask: Asking) -> Steps[Quote]:
    allowed = {within("lines[]", part) for part in _LINE}
    admit(ask.fields, allowed, {"expand", "invoice_metadata"})
    lines = [base for base in elements(ask.fields, "lines") if not _silent(ask, base)]
    if not lines:
        return Quote(0, "no money field changes")
    return (yield from _on_invoice(ask, _invoice_id(ask), lines, _line_by_id))


def _update_line(ask: Asking) -> Steps[Quote]:
    if _silent(ask, ""):
        return Quote(0, "no money field changes")
    admit(ask.fields, _LINE, HARMLESS)
    return (yield from _on_invoice(ask, _invoice_id(ask), [""], _line_by_path))


def _on_invoice(ask: Asking, invoice_id: str, bases: list[str], stored: Stored) -> Steps[Quote]:
    """What the invoice comes to with these items of the request. Raises Unreadable, Unclear,
    Unpriced."""
    tree = yield from found_invoice(invoice_id)
    invoice = read_invoice(tree)
    tax = shares(listed(tree.get("default_tax_rates")))
    more = Fraction(0)
    for base in bases:
        known = yield from stored(ask, base, tree)
        item = yield from worth(ask, base, invoice.currency, tax, known)
        more += item.amount + _tax_amounts(ask, base)
    if more and taxed_automatically(tree):
        raise Unpriced(f"{invoice_id} has automatic tax, which nobody can bound for a new line")
    return of_total(ask, invoice, round_up(more))


def _nothing(ask: Asking, base: str, invoice: Tree) -> Steps[Tree | None]:
    yield from ()
    return None


def _by_path(ask: Asking, base: str, invoice: Tree) -> Steps[Tree | None]:
    return (yield from found_item(path_id(ask.reading)))


def _waiting(ask: Asking, base: str, invoice: Tree) -> Steps[Tree | None]:
    """The item that a line draws in from those that wait."""
    field = within(base, "invoice_item")
    item_id = ask.fields.get(field)
    if item_id is None:
        return None
    return (yield from found_item(checked_id(field, item_id)))


def _line_by_id(ask: Asking, base: str, invoice: Tree) -> Steps[Tree | None]:
    yield from ()
    return _line(invoice, ask.fields.get(within(base, "id"), ""))


def _line_by_path(ask: Asking, base: str, invoice: Tree) -> Steps[Tree | None]:
    yield from ()
    return _line(invoice, path_id(ask.reading))


def _line(invoice: Tree, line_id: str) -> Tree:
    shown = branch(invoice, "lines").get("data")
    lines = shown if isinstance(shown, list) else []
    for line in lines:
        if isinstance(line, dict) and line.get("id") == line_id:
            return line
    raise Unclear("the invoice does not show the line that changes")


def _tax_amounts(ask: Asking, base: str) -> int:
    """Tax that the caller worked out by hand."""
    places = {name: template(name) for name in ask.fields if name.startswith(base)}
    wanted = template(within(base, _TAX.replace("[]", "[0]", 1)))
    return sum(whole(name, ask.fields[name]) for name, place in places.items() if place == wanted)


def _silent(ask: Asking, base: str) -> bool:
    """Does the request say nothing of the item's amount?"""
    inside = [name for name in ask.fields if name.startswith(f"{base}[")] if base else ask.fields
    parts = [name[len(base) + 1 :].partition("]")[0] if base else name for name in inside]
    return all(part.partition("[")[0] in _SILENT for part in parts)


def _invoice_id(ask: Asking) -> str:
    return checked_id("invoice", path_part(ask, 2))


def of_item(quote: Quote, tree: Tree) -> Verdict:
    """What an item means for all that is held for it. One with rates of its own shows no tax, so it
    keeps what its hold foresaw. Raises Unclear."""
    item_id = _checked(tree)
    check_id(quote, item_id)
    if tree.get("deleted") is True:
        return Verdict(End.RELEASED, 0, 0, item_id, item_id)
    if quote.rate is None:
        return Verdict(End.SETTLED, label=item_id)
    rate = rate_of(quote, text(tree, "currency").lower())
    micros = rate.to_micros(max(0, signed(tree, "amount")))
    if tree.get("tax_rates") not in (None, []):
        micros = max(micros, quote.amount_micros)
    if reference(tree, "invoice"):
        return Verdict(End.SETTLED, micros, 0, item_id, item_id)
    return Verdict(End.STANDING if micros else End.SETTLED, 0, micros, item_id, item_id)


def _settle_item(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    if quote.object_id is None and (aside(reading, quote) or quote.rate is None):
        return Verdict(End.SETTLED, quote.amount_micros, label=_checked(tree))
    if quote.object_id is None or not quote.object_id.startswith("in_"):
        return of_item(quote, tree)
    check_reference(quote.object_id, reference(tree, "invoice"))
    return _foretold(quote, _checked(tree))


def _settle_line(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    if aside(reading, quote):
        return Verdict(End.SETTLED, label=named(tree))
    if tree.get("object") != "line_item" or named(tree) != reading.operation.object_id:
        raise Unclear("the answer is about another object")
    return _foretold(quote, named(tree))


def _foretold(quote: Quote, label: str) -> Verdict:
    """The answer does not show the invoice: it stands at its quote until it is read again."""
    standing = quote.amount_micros - quote.before_micros
    end = End.STANDING if standing else End.SETTLED
    return Verdict(end, quote.before_micros, standing, quote.object_id, label)


def _checked(tree: Tree) -> str:
    check_kind(tree, "invoiceitem")
    return text(tree, "id")


QUOTERS: Final[Quoters] = {
    "PostInvoiceitems": (quoter(_create), BOTH),
    "PostInvoiceitemsInvoiceitem": (quoter(_update), BOTH),
    "DeleteInvoiceitemsInvoiceitem": (quoter(_delete), NEITHER),
    "PostInvoicesInvoiceAddLines": (quoter(_add_lines), NEITHER),
    "PostInvoicesInvoiceUpdateLines": (quoter(_update_lines), NEITHER),
    "PostInvoicesInvoiceLinesLineItemId": (quoter(_update_line), ALONE),
}
SETTLERS: Final[Mapping[str, Settler]] = {
    "PostInvoiceitems": _settle_item,
    "PostInvoiceitemsInvoiceitem": _settle_item,
    "DeleteInvoiceitemsInvoiceitem": _settle_item,
    "PostInvoicesInvoiceAddLines": invoices.settle,
    "PostInvoicesInvoiceUpdateLines": invoices.settle,
    "PostInvoicesInvoiceLinesLineItemId": _settle_line,
}
REREADERS: Final[Rereaders] = {"ii_": ("/v1/invoiceitems/", of_item)}
EMITS: Final[Mapping[str, Emits]] = {"PostInvoiceitems": Emits(("invoiceitem.created",), of_item)}
