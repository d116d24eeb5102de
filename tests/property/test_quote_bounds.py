"""No quote is below what the vendor then charges, and no settlement is: Stripe's module against its
stand-in, over random lives of payments. `tests.sandboxed` checks each call; here are the objects
and what may happen to them. The files beside this one do the same for other money, and other
vendors."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from tests.bounds import STEPS, Lives, amounts, currencies, flags, given_only, made, parts
from tests.house import STRIPE_SECRET
from tests.sandboxed import Sandboxed

CARDS: Final = (
    *("pm_card_visa", "pm_card_chargeDeclined", "pm_card_threeDSecure2Required"),
    *("pm_card_refundFail", "pm_card_pendingRefund"),
)
METHODS: Final = (*CARDS, "pm_usBankAccount_success")
"""A bank debit of an intent has somebody who ends it at the stand-in; a charge's has not."""
FEATURES: Final = (
    *("request_multicapture", "request_overcapture", "request_incremental_authorization"),
)


class StripePayments(Lives):
    """Payment intents, charges and refunds; payers and banks act when they please."""

    intents = Bundle("intents")
    charges = Bundle("charges")
    refunds = Bundle("refunds")

    def __init__(self) -> None:
        super().__init__()
        self.stripe = Sandboxed(
            "stripe",
            STRIPE_SECRET,
            spares=["PostRefunds", "PostChargesChargeRefund", "PostChargesChargeRefunds"],
        )
        self.customer = self.stripe.direct("POST", "/v1/customers")["id"]
        self.stripe.direct(
            "POST",
            f"/v1/test_helpers/customers/{self.customer}/fund_cash_balance",
            {"amount": 5_000, "currency": "usd"},
        )

    @rule(
        target=intents,
        amount=amounts,
        currency=currencies,
        method=st.sampled_from([None, *METHODS]),
        manual=st.booleans(),
        confirm=flags,
        features=st.sets(st.sampled_from(FEATURES)),
        owned=st.booleans(),
    )
    def create_intent(
        self,
        amount: int,
        currency: str,
        method: str | None,
        manual: bool,
        confirm: str | None,
        features: set[str],
        *,
        owned: bool,
    ) -> Any:
        form = given_only(
            amount=amount,
            currency=currency,
            payment_method=method,
            capture_method="manual" if manual else None,
            confirm=confirm,
            customer=self.customer if owned else None,
        )
        options = {f"payment_method_options[card][{name}]": "if_available" for name in features}
        return made(self.stripe.call("POST", "/v1/payment_intents", form=form | options), "id")

    @rule(target=intents, amount=amounts, features=st.sets(st.sampled_from(FEATURES)))
    def hold_money(self, amount: int, features: set[str]) -> Any:
        """A card is authorised, to be captured later."""
        return self.create_intent(amount, "usd", CARDS[0], True, "true", features, owned=False)

    @rule(
        intent=intents,
        amount=parts,
        currency=st.one_of(st.none(), currencies),
        method=st.sampled_from([None, *METHODS]),
    )
    def update_intent(
        self, intent: str, amount: int | None, currency: str | None, method: str | None
    ) -> None:
        form = given_only(amount=amount, currency=currency, payment_method=method)
        self.stripe.call("POST", f"/v1/payment_intents/{intent}", form=form)

    @rule(
        target=charges,
        intent=intents,
        amount=parts,
        method=st.sampled_from([None, *METHODS]),
    )
    def confirm_intent(self, intent: str, amount: int | None, method: str | None) -> Any:
        form = given_only(amount_to_confirm=amount, payment_method=method)
        call = self.stripe.call("POST", f"/v1/payment_intents/{intent}/confirm", form=form)
        return made(call, "latest_charge")

    @rule(target=charges, intent=intents, amount=parts, final=flags)
    def capture_intent(self, intent: str, amount: int | None, final: str | None) -> Any:
        form = given_only(amount_to_capture=amount, final_capture=final)
        call = self.stripe.call("POST", f"/v1/payment_intents/{intent}/capture", form=form)
        return made(call, "latest_charge")

    @rule(intent=intents, amount=amounts)
    def increment_intent(self, intent: str, amount: int) -> None:
        path = f"/v1/payment_intents/{intent}/increment_authorization"
        self.stripe.call("POST", path, form={"amount": amount})

    @rule(intent=intents, amount=parts)
    def apply_balance(self, intent: str, amount: int | None) -> None:
        path = f"/v1/payment_intents/{intent}/apply_customer_balance"
        self.stripe.call("POST", path, form=given_only(amount=amount))

    @rule(intent=intents)
    def cancel_intent(self, intent: str) -> None:
        self.stripe.call("POST", f"/v1/payment_intents/{intent}/cancel")

    @rule(intent=intents, succeeds=st.booleans())
    def payer_acts(self, intent: str, succeeds: bool) -> None:
        self.stripe.door("payer", payment_intent=intent, succeeds=succeeds)
        self.stripe.check_covered("a payer acted")

    @rule(
        target=charges,
        amount=amounts,
        currency=currencies,
        source=st.sampled_from([name.replace("pm_card", "tok") for name in CARDS]),
        capture=flags,
    )
    def create_charge(self, amount: int, currency: str, source: str, capture: str | None) -> Any:
        form = given_only(amount=amount, currency=currency, source=source, capture=capture)
        return made(self.stripe.call("POST", "/v1/charges", form=form), "id")

    @rule(charge=charges, amount=parts)
    def capture_charge(self, charge: str, amount: int | None) -> None:
        form = given_only(amount=amount)
        self.stripe.call("POST", f"/v1/charges/{charge}/capture", form=form)

    @rule(
        target=refunds,
        charge=charges,
        amount=parts,
        path=st.sampled_from(["refunds", "charges/{}/refund", "charges/{}/refunds"]),
    )
    def refund_charge(self, charge: str, amount: int | None, path: str) -> Any:
        named = given_only(amount=amount, charge=charge if path == "refunds" else None)
        return made(self.stripe.call("POST", "/v1/" + path.format(charge), form=named), "id")

    @rule(target=refunds, intent=intents, amount=parts)
    def refund_intent(self, intent: str, amount: int | None) -> Any:
        form = given_only(payment_intent=intent, amount=amount)
        return made(self.stripe.call("POST", "/v1/refunds", form=form), "id")

    @rule(amount=amounts, currency=currencies)
    def refund_balance(self, amount: int, currency: str) -> None:
        form = {"origin": "customer_balance", "customer": self.customer}
        form |= {"amount": str(amount), "currency": currency}
        self.stripe.call("POST", "/v1/refunds", form=form)

    @rule(refund=refunds, status=st.sampled_from(["succeeded", "failed", "canceled"]))
    def refund_ends(self, refund: str, status: str) -> None:
        self.stripe.door("refund", refund=refund, status=status)

    @rule()
    def look_again(self) -> None:
        self.stripe.reread_all()

    def come_to_an_end(self) -> None:
        """Everything comes to its end at Stripe, and then in the books."""
        for object_id in list(self.stripe.books.things):
            if object_id.startswith("pi_"):
                self.stripe.door("payer", payment_intent=object_id, succeeds=True)
                self.stripe.direct("POST", f"/v1/payment_intents/{object_id}/cancel")
            else:
                self.stripe.direct("POST", f"/v1/charges/{object_id}/capture")
        self.stripe.reread_all()
        self.stripe.check_exact()


TestStripePayments = StripePayments.TestCase
TestStripePayments.settings = STEPS
