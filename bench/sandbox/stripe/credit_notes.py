"""Credit notes: an open invoice shrinks; of a paid one, money or credit is given back.

Of a paid invoice the total is shared out: `refund_amount` moves money to the payer, `credit_amount`
lowers the next invoice, `out_of_band_amount` moves nothing here. Existing refunds may be named too.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.form import listed
from bench.sandbox.stripe import (
    collection,
    customers,
    errors,
    lines,
    lists,
    params,
    refunds,
)  # fmt: skip
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

CREATE: Final = params.spec(
    "effective_at email_type refunds shipping_cost",
    amount=params.positive,
    credit_amount=params.integer,
    invoice=params.text,
    lines=params.maps,
    memo=params.clearable,
    out_of_band_amount=params.integer,
    reason=params.one_of("duplicate", "fraudulent", "order_change", "product_unsatisfactory"),
    refund_amount=params.integer,
)
UPDATE: Final = params.spec(memo=params.clearable)


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    invoice = world.get("invoice", given["invoice"], param="invoice")
    made = _lines(world, invoice, given)
    total = _total(given, made)
    if invoice["status"] == "open":
        note = _before_payment(world, invoice, total, given)
    elif invoice["status"] == "paid":
        note = _after_payment(world, invoice, total, given)
    else:
        raise StripeError(400, f"An invoice that is {invoice['status']} cannot be credited.")
    note["lines"] = lists.fresh(f"/v1/credit_notes/{note['id']}/lines", made)
    world.tell("credit_note.created", note)
    return world.put(note)


def preview(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """The same, played on a copy."""
    return create(world.rehearsal(), ids, given)


def _lines(world: World, invoice: Obj, given: Obj) -> list[Obj]:
    made = []
    for raw in given.get("lines", ()):
        if raw.get("invoice_line_item"):
            found = {line["id"]: line for line in invoice["lines"]["data"]}
            line = found.get(raw["invoice_line_item"])
            if line is None:
                raise errors.no_such("invoice line item", raw["invoice_line_item"], "lines", 400)
            amount = line["amount"]
            if "amount" in raw:
                amount = params.positive("lines[amount]", raw["amount"])
            elif "quantity" in raw and line["quantity"]:
                amount = line["amount"] * int(lines.quantity_of(raw, "lines")) // line["quantity"]
        else:
            amount = lines.ask(world, raw, "lines", invoice["currency"]).amount
        made.append(_line(world, raw, amount))
    return made


def _line(world: World, raw: Obj, amount: int) -> Obj:
    return world.put(
        {
            "id": new_id("credit_note_line_item"),
            "object": "credit_note_line_item",
            "amount": amount,
            "description": raw.get("description"),
            "invoice_line_item": raw.get("invoice_line_item"),
            "livemode": world.livemode,
            "quantity": None,
            "type": "invoice_line_item" if raw.get("invoice_line_item") else "custom_line_item",
        }
    )


def _total(given: Obj, made: list[Obj]) -> int:
    if "amount" in given:
        return int(given["amount"])
    if made:
        return sum(line["amount"] for line in made)
    parts = sum(given.get(n, 0) for n in ("refund_amount", "credit_amount", "out_of_band_amount"))
    if not parts:
        raise StripeError(400, "One of amount, lines or shipping_cost is needed.", param="amount")
    return int(parts)


def _note(world: World, invoice: Obj, total: int, given: Obj) -> Obj:
    return {
        "id": new_id("credit_note"), "object": "credit_note", "amount": total,
        "amount_shipping": 0, "created": now(), "currency": invoice["currency"],
        "customer": invoice["customer"], "customer_balance_transaction": None,
        "discount_amount": 0, "discount_amounts": [], "effective_at": now(),
        "invoice": invoice["id"], "livemode": world.livemode, "memo": given.get("memo"),
        "metadata": params.merged({}, given.get("metadata", {})),
        "number": f"{invoice['number']}-CN-01", "out_of_band_amount": None,
        "pdf": f"https://pay.stripe.com/credit_notes/{invoice['id']}/pdf",
        "post_payment_amount": 0, "pre_payment_amount": 0, "pretax_credit_amounts": [],
        "reason": given.get("reason"), "refunds": [], "shipping_cost": None, "status": "issued",
        "subtotal": total, "total": total, "total_taxes": [], "type": "pre_payment",
        "voided_at": None,
    }  # fmt: skip


def _before_payment(world: World, invoice: Obj, total: int, given: Obj) -> Obj:
    if total > invoice["amount_remaining"]:
        raise _too_much(total, invoice["amount_remaining"])
    credited = invoice["pre_payment_credit_notes_amount"] + total
    left = invoice["amount_remaining"] - total
    world.put({**invoice, "amount_remaining": left, "pre_payment_credit_notes_amount": credited})
    if left == 0:
        collection.mark_paid(world, invoice["id"], 0)
    return {**_note(world, invoice, total, given), "pre_payment_amount": total}


def _after_payment(world: World, invoice: Obj, total: int, given: Obj) -> Obj:
    """Refund, credit and what is settled elsewhere must make up the total."""
    refunded, credited = given.get("refund_amount", 0), given.get("credit_amount", 0)
    outside = given.get("out_of_band_amount", 0)
    linked = params.maps("refunds", listed(given.get("refunds", [])))
    already = sum(_linked(world, raw)["amount"] for raw in linked)
    if refunded + credited + outside + already != total:
        raise StripeError(
            400,
            f"The sum of credit amount, refund amount, and out of band amount must equal the "
            f"credit note amount ({total}).",
            param="amount",
        )
    left = invoice["amount_paid"] - invoice["post_payment_credit_notes_amount"]
    if total > left:
        raise _too_much(total, left)
    note = {**_note(world, invoice, total, given), "type": "post_payment"}
    note |= {"post_payment_amount": total, "out_of_band_amount": outside or None}
    if refunded:
        made = _refund(world, invoice, refunded)
        note["refunds"] = [{"amount_refunded": refunded, "refund": made["id"], "type": "refund"}]
    if credited:
        customer = world.get("customer", invoice["customer"])
        moved = customers.adjust(
            world, customer, -credited, invoice["currency"], "credit_note", credit_note=note["id"]
        )
        note["customer_balance_transaction"] = moved["id"]
    latest = world.get("invoice", invoice["id"])
    credited_before = latest["post_payment_credit_notes_amount"]
    world.put({**latest, "post_payment_credit_notes_amount": credited_before + total})
    return note


def _linked(world: World, raw: Obj) -> Obj:
    return world.get("refund", str(raw.get("refund")), param="refunds[refund]")


def _refund(world: World, invoice: Obj, amount: int) -> Obj:
    """Of the charge that paid the invoice."""
    found = world.more.get(invoice["id"], {}).get("payments", {"data": []})["data"]
    for payment in found:
        intent = world.get("payment_intent", payment["payment"]["payment_intent"])
        if intent["latest_charge"] is not None and payment["status"] == "paid":
            charge = world.get("charge", intent["latest_charge"])
            return refunds.refund_charge(world, charge, {"amount": amount})
    raise StripeError(400, "There is no payment of this invoice to refund.", param="refund_amount")


def _too_much(total: int, left: int) -> StripeError:
    return StripeError(
        400, f"The credit note amount ({total}) is more than can be credited ({left}).",
        param="amount",
    )  # fmt: skip


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    note = world.get("credit_note", ids[0])
    changed = {**note, **lists.described(note, given, ("memo",))}
    world.tell("credit_note.updated", changed)
    return world.put(changed)


def void(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """Only while its invoice is open: the invoice grows again."""
    note = world.get("credit_note", ids[0])
    invoice = world.get("invoice", note["invoice"])
    if note["status"] != "issued" or invoice["status"] != "open":
        raise StripeError(400, "Only an issued note of an open invoice can be voided.")
    back = note["total"]
    world.put(
        {
            **invoice,
            "amount_remaining": invoice["amount_remaining"] + back,
            "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] - back,
        }
    )
    changed = {**note, "status": "void", "voided_at": now()}
    world.tell("credit_note.voided", changed)
    return world.put(changed)


def list_lines(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    note = world.get("credit_note", ids[0])
    return lists.page(note["lines"]["data"], given, note["lines"]["url"], "credit_note_line_item")
