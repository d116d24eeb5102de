"""Quotes and settlements of the merchant's own money at Stripe, against its stand-in: see
test_quote_bounds.py."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule

from tests.bounds import STEPS, Lives, amounts, currencies, given_only, made, parts
from tests.house import STRIPE_SECRET
from tests.sandboxed import Call, Sandboxed

BACK: Final = (*("payout_returned", "topup_returned"), *("outbound_returned", "inbound_returned"))
"""What a bank brings back, or a cancel: the books count in one direction."""


class StripeMoneyOut(Lives):
    """The merchant's own money: transfers, payouts, top-ups, fees, disputes, balances, `/v2`."""

    charges = Bundle("charges")
    transfers = Bundle("transfers")
    payouts = Bundle("payouts")
    fees = Bundle("fees")
    disputes = Bundle("disputes")
    sent = Bundle("sent")
    intents = Bundle("intents")

    def __init__(self) -> None:
        super().__init__()
        self.stripe = Sandboxed(
            "stripe",
            STRIPE_SECRET,
            headers={b"stripe-version": b"2026-10-28.endive"},
            returns=BACK,
            spares=["PostCustomersCustomerBalanceTransactions"],
        )
        self.customer = self.stripe.direct("POST", "/v1/customers")["id"]

    @rule(target=charges, amount=amounts, currency=currencies, fee=parts)
    def charge(self, amount: int, currency: str, fee: int | None) -> Any:
        form = given_only(
            amount=amount, currency=currency, source="tok_visa", application_fee_amount=fee
        )
        return made(self.stripe.call("POST", "/v1/charges", form=form), "id")

    @rule(target=fees, charge=charges)
    def fee_of(self, charge: str) -> Any:
        fee = self.stripe.ask(f"/v1/charges/{charge}")["application_fee"]
        return multiple(*filter(None, [fee]))

    @rule(
        fee=fees,
        amount=parts,
        twin=st.sampled_from(["refund", "refunds"]),
    )
    def give_fee_back(self, fee: str, amount: int | None, twin: str) -> None:
        path = f"/v1/application_fees/{fee}/{twin}"
        self.stripe.call("POST", path, form=given_only(amount=amount))

    @rule(
        target=transfers,
        amount=parts,
        currency=currencies,
        charge=st.one_of(st.none(), charges),
    )
    def transfer(self, amount: int | None, currency: str, charge: str | None) -> Any:
        form = given_only(
            amount=amount, currency=currency, destination="acct_1", source_transaction=charge
        )
        return made(self.stripe.call("POST", "/v1/transfers", form=form), "id")

    @rule(transfer=transfers, amount=parts)
    def reverse_transfer(self, transfer: str, amount: int | None) -> None:
        path = f"/v1/transfers/{transfer}/reversals"
        self.stripe.call("POST", path, form=given_only(amount=amount))

    @rule(
        target=payouts,
        amount=amounts,
        currency=st.sampled_from(["usd", "huf", "twd", "jpy"]),
        method=st.sampled_from([None, "standard", "instant"]),
    )
    def pay_out(self, amount: int, currency: str, method: str | None) -> Any:
        form = given_only(amount=amount, currency=currency, method=method)
        return made(self.stripe.call("POST", "/v1/payouts", form=form), "id")

    @rule(payout=payouts, doing=st.sampled_from(["cancel", "reverse"]))
    def change_payout(self, payout: str, doing: str) -> None:
        self.stripe.call("POST", f"/v1/payouts/{payout}/{doing}")

    @rule(payout=payouts, status=st.sampled_from(["in_transit", "paid", "failed"]))
    def bank_acts(self, payout: str, status: str) -> None:
        self.stripe.door("bank", payout=payout, status=status)

    @rule(amount=amounts, currency=currencies, cancel=st.booleans())
    def top_up(self, amount: int, currency: str, cancel: bool) -> None:
        form = {"amount": amount, "currency": currency}
        topup = self.stripe.call("POST", "/v1/topups", form=form)
        if cancel and topup.ok:
            self.stripe.call("POST", f"/v1/topups/{topup.json()['id']}/cancel")

    @rule(target=disputes, charge=charges, amount=parts)
    def payer_disputes(self, charge: str, amount: int | None) -> Any:
        dispute = self.stripe.door("dispute", charge=charge, amount=amount)
        return multiple(*([dispute["id"]] if dispute else []))

    @rule(dispute=disputes)
    def close_dispute(self, dispute: str) -> None:
        self.stripe.call("POST", f"/v1/disputes/{dispute}/close")

    @rule(charge=charges)
    def close_dispute_of(self, charge: str) -> None:
        self.stripe.call("POST", f"/v1/charges/{charge}/dispute/close")

    @rule(dispute=disputes)
    def bank_decides_for_us(self, dispute: str) -> None:
        self.stripe.door("bank", dispute=dispute, status="won")

    @rule(amount=st.one_of(amounts, amounts.map(lambda n: -n)), currency=currencies)
    def adjust_balance(self, amount: int, currency: str) -> None:
        path = f"/v1/customers/{self.customer}/balance_transactions"
        self.stripe.call("POST", path, form={"amount": amount, "currency": currency})

    @rule(
        target=sent,
        kind=st.sampled_from(["outbound_payment", "inbound_transfer"]),
        amount=amounts,
        currency=currencies,
        quoted=st.booleans(),
    )
    def send(self, kind: str, amount: int, currency: str, quoted: bool) -> Any:
        call = self._v2(f"{kind}s", amount, currency, quoted=quoted)
        return multiple(*([(kind, call.json()["id"])] if call.ok else []))

    @rule(
        target=intents,
        amount=amounts,
        currency=currencies,
        manual=st.booleans(),
    )
    def intend(self, amount: int, currency: str, manual: bool) -> Any:
        how = "manual" if manual else "automatic"
        call = self._v2("payout_intents", amount, currency, confirmation_method=how)
        return multiple(*([call.json()["id"]] if call.ok else []))

    def _v2(
        self, kind: str, amount: int, currency: str, *, quoted: bool = False, **more: str
    ) -> Call:
        value = str(amount) if quoted else amount
        flow = {"from": {"financial_account": "fa_1"}, "to": {"recipient": "acct_1"}}
        body = {"amount": {"value": value, "currency": currency}, **flow, **more}
        return self.stripe.call("POST", f"/v2/money_management/{kind}", json=body)

    @rule(intent=intents, doing=st.sampled_from(["confirm", "cancel"]))
    def change_intent(self, intent: str, doing: str) -> None:
        self.stripe.call("POST", f"/v2/money_management/payout_intents/{intent}/{doing}")

    @rule(thing=sent, ends=st.sampled_from(["cancel", "failed", "posted", "succeeded"]))
    def it_ends(self, thing: tuple[str, str], ends: str) -> None:
        kind, object_id = thing
        if ends == "cancel":
            self.stripe.call("POST", f"/v2/money_management/{kind}s/{object_id}/cancel")
        else:
            self.stripe.door("bank", **{kind: object_id, "status": ends})

    def come_to_an_end(self) -> None:
        """Payout intents that wait for a confirmation get none: a person cancels them."""
        for object_id in list(self.stripe.books.things):
            self.stripe.direct("POST", f"/v2/money_management/payout_intents/{object_id}/cancel")
        self.stripe.reread_all()
        self.stripe.check_exact()


TestStripeMoneyOut = StripeMoneyOut.TestCase
TestStripeMoneyOut.settings = STEPS
