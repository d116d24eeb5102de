"""Quotes and settlements of Stripe Billing, against its stand-in: see test_quote_bounds.py."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from tests.bounds import STEPS, flags, given_only, made, parts
from tests.bounds_billing import PRICES, RECURRING, BillingLives, quantities, recurring

methods = st.sampled_from([None, "pm_card_visa", "pm_card_chargeDeclined"])


class StripeBilling(BillingLives):
    """Invoices and what is on them; subscriptions and their changes."""

    items = Bundle("items")
    invoices = Bundle("invoices")
    subscriptions = Bundle("subscriptions")

    # -- invoices --------------------------------------------------------------------------------

    @rule(
        target=items,
        who=st.integers(0, 1),
        amount=st.one_of(st.none(), st.integers(-3000, 9000)),
        price=st.integers(RECURRING, len(PRICES) - 1),
        quantity=quantities,
        invoice=st.one_of(st.none(), invoices),
        taxed=st.booleans(),
    )
    def create_item(
        self,
        who: int,
        amount: int | None,
        price: int,
        quantity: int,
        invoice: str | None,
        *,
        taxed: bool,
    ) -> Any:
        self.exact = False  # counted beside the invoice that it comes to be on
        form: dict[str, Any] = {"customer": self.customers[who], "invoice": invoice}
        form |= {"amount": amount, "currency": "usd"} if amount is not None else {
            "pricing[price]": self.prices[price], "quantity": quantity
        }  # fmt: skip
        if taxed:
            form["tax_rates[0]"] = self.tax
        return made(self.post("invoiceitems", **form), "id")

    @rule(item=items, amount=st.integers(-3000, 9000))
    def change_item(self, item: str, amount: int) -> None:
        self.post(f"invoiceitems/{item}", amount=amount)

    @rule(item=items)
    def delete_item(self, item: str) -> None:
        self.stripe.call("DELETE", f"/v1/invoiceitems/{item}")

    @rule(
        target=invoices,
        who=st.integers(0, 1),
        pending=st.sampled_from([None, "include", "exclude"]),
        advance=flags,
        how=st.sampled_from([None, "charge_automatically", "send_invoice"]),
        coupon=st.booleans(),
    )
    def create_invoice(
        self, who: int, pending: str | None, advance: str | None, how: str | None, *, coupon: bool
    ) -> Any:
        form = {
            "customer": self.customers[who],
            "pending_invoice_items_behavior": pending,
            "auto_advance": advance,
            "collection_method": how,
            "days_until_due": 30 if how == "send_invoice" else None,
        }
        if coupon:
            form["discounts[0][coupon]"] = self.coupon
        return made(self.post("invoices", **form), "id")

    @rule(invoice=invoices, amount=st.integers(-2000, 5000), quantity=quantities)
    def add_lines(self, invoice: str, amount: int, quantity: int) -> None:
        lines = {
            "lines[0][amount]": amount,
            "lines[1][price_data][currency]": "usd",
            "lines[1][price_data][unit_amount]": 250,
            "lines[1][price_data][product_data][name]": "Hour",
            "lines[1][quantity]": quantity,
        }
        self.post(f"invoices/{invoice}/add_lines", **lines)

    @rule(invoice=invoices, doing=st.sampled_from(["send", "void", "mark_uncollectible"]))
    def change_invoice(self, invoice: str, doing: str) -> None:
        self.post(f"invoices/{invoice}/{doing}")

    @rule(invoice=invoices, advance=flags)
    def finalize(self, invoice: str, advance: str | None) -> None:
        self.post(f"invoices/{invoice}/finalize", auto_advance=advance)

    @rule(invoice=invoices, method=methods, elsewhere=st.sampled_from([None, None, "true"]))
    def pay_invoice(self, invoice: str, method: str | None, elsewhere: str | None) -> None:
        self.post(f"invoices/{invoice}/pay", payment_method=method, paid_out_of_band=elsewhere)

    @rule(invoice=invoices)
    def delete_invoice(self, invoice: str) -> None:
        self.exact = False  # its lines may wait for another one
        self.stripe.call("DELETE", f"/v1/invoices/{invoice}")

    @rule(invoice=invoices, how=st.sampled_from(["pay", "advance"]))
    def invoice_goes_on(self, invoice: str, how: str) -> None:
        self.stripe.door(how, invoice=invoice)
        self.stripe.check_covered(f"an invoice went on: {how}")

    @rule(invoice=invoices, refunded=parts, credited=st.sampled_from([None, 100]))
    def credit_note(self, invoice: str, refunded: int | None, credited: int | None) -> None:
        self.post(
            "credit_notes", invoice=invoice, refund_amount=refunded, credit_amount=credited,
            amount=None if refunded or credited else 100,
        )  # fmt: skip

    # -- subscriptions ---------------------------------------------------------------------------

    @rule(
        target=subscriptions,
        who=st.integers(0, 1),
        price=recurring,
        quantity=quantities,
        extra=st.one_of(st.none(), st.integers(RECURRING, len(PRICES) - 1)),
        behavior=st.sampled_from([None, "default_incomplete", "error_if_incomplete"]),
        trial=st.sampled_from([None, None, 7]),
        coupon=st.booleans(),
        taxed=st.booleans(),
    )
    def subscribe(
        self,
        who: int,
        price: int,
        quantity: int,
        extra: int | None,
        behavior: str | None,
        trial: int | None,
        *,
        coupon: bool,
        taxed: bool,
    ) -> Any:
        self.exact = self.exact and trial is None  # the first paid period counts
        form: dict[str, Any] = {
            "customer": self.customers[who],
            "items[0][price]": self.prices[price],
            "items[0][quantity]": quantity,
            "payment_behavior": behavior,
            "trial_period_days": trial,
            "add_invoice_items[0][price]": None if extra is None else self.prices[extra],
            "discounts[0][coupon]": self.coupon if coupon else None,
            "default_tax_rates[0]": self.tax if taxed else None,
        }
        return made(self.post("subscriptions", **form), "id")

    @rule(
        subscription=subscriptions,
        price=st.one_of(st.none(), recurring),
        quantity=st.one_of(st.none(), quantities),
        proration=st.sampled_from([None, "always_invoice", "create_prorations", "none"]),
        more=st.sampled_from([{}, {"billing_cycle_anchor": "now"}, {"trial_end": "now"}]),
    )
    def change_subscription(
        self,
        subscription: str,
        price: int | None,
        quantity: int | None,
        proration: str | None,
        more: dict[str, str],
    ) -> None:
        shown = self.stripe.ask(f"/v1/subscriptions/{subscription}")
        item = shown["items"]["data"][0]["id"] if shown["items"]["data"] else "si_none"
        form: dict[str, Any] = {"proration_behavior": proration, **more}
        if price is not None or quantity is not None:
            form |= {
                "items[0][id]": item,
                "items[0][price]": None if price is None else self.prices[price],
                "items[0][quantity]": quantity,
            }
        self.post(f"subscriptions/{subscription}", **form)

    @rule(
        subscription=subscriptions,
        price=recurring,
        quantity=quantities,
        proration=st.sampled_from([None, "always_invoice", "none"]),
    )
    def add_to_subscription(
        self, subscription: str, price: int, quantity: int, proration: str | None
    ) -> None:
        self.post(
            "subscription_items", subscription=subscription, price=self.prices[price],
            quantity=quantity, proration_behavior=proration,
        )  # fmt: skip

    @rule(subscription=subscriptions, now=flags, prorate=flags)
    def cancel_subscription(self, subscription: str, now: str | None, prorate: str | None) -> None:
        form = given_only(invoice_now=now, prorate=prorate)
        self.stripe.call("DELETE", f"/v1/subscriptions/{subscription}", form=form)


TestStripeBilling = StripeBilling.TestCase
TestStripeBilling.settings = STEPS
