"""What lives of Stripe Billing share: a catalogue, two customers, and how all of it ends.

Objects pay for each other here (items for invoices, invoices for subscriptions, sessions for both),
so it is the sum that is checked: at every moment the books count at least what payers paid, and
when all is over exactly that, unless a rule says why not (`exact`). Renewals are not counted, and
do not happen."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.bounds import Lives, given_only
from tests.house import STRIPE_SECRET
from tests.sandboxed import Sandboxed

PRICES: Final[tuple[dict[str, Any], ...]] = (
    {"unit_amount": 1000, "recurring[interval]": "month"},
    {"unit_amount": 2500, "recurring[interval]": "month"},
    {"unit_amount_decimal": "133.333", "recurring[interval]": "month"},
    {
        "billing_scheme": "tiered", "tiers_mode": "graduated", "recurring[interval]": "month",
        "tiers[0][up_to]": 2, "tiers[0][unit_amount]": 700, "tiers[0][flat_amount]": 100,
        "tiers[1][up_to]": "inf", "tiers[1][unit_amount]": 300,
    },
    {
        "billing_scheme": "tiered", "tiers_mode": "volume", "recurring[interval]": "month",
        "tiers[0][up_to]": 3, "tiers[0][unit_amount]": 900,
        "tiers[1][up_to]": "inf", "tiers[1][unit_amount]": 400,
    },
    {"unit_amount": 1500},
    {"unit_amount_decimal": "0.5"},
)  # fmt: skip
RECURRING: Final = 5
"""Of PRICES, so many; the others are for one time."""

quantities = st.integers(1, 9)
recurring = st.integers(0, RECURRING - 1)


class BillingLives(Lives):
    """exact: nothing was done so far that is counted above what it comes to."""

    def __init__(self) -> None:
        super().__init__()
        self.stripe = Sandboxed("stripe", STRIPE_SECRET, loosely=True, spares=["*"])
        product = self.direct("products", name="Things")
        self.prices = [
            self.direct("prices", product=product, currency="usd", **price) for price in PRICES
        ]
        paying = {"invoice_settings[default_payment_method]": "pm_card_visa"}
        self.customers = [self.direct("customers", **paying), self.direct("customers")]
        self.coupon = self.direct("coupons", percent_off="20", duration="once")
        self.exact = True
        self.tax = self.direct("tax_rates", display_name="VAT", inclusive="false", percentage="19")

    def direct(self, path: str, **form: Any) -> str:
        return str(self.stripe.direct("POST", f"/v1/{path}", form)["id"])

    def post(self, path: str, **form: Any) -> Any:
        return self.stripe.call("POST", f"/v1/{path}", form=given_only(**form))

    @rule()
    def look_again(self) -> None:
        self.stripe.reread_all()

    def come_to_an_end(self) -> None:
        """Nobody pays any more, and nothing stands but items that wait."""
        for name in list(self.stripe.books.things):
            if name.startswith("in_"):
                self.stripe.direct("POST", f"/v1/invoices/{name}/finalize", {})
                self.stripe.direct("POST", f"/v1/invoices/{name}/void")
            elif name.startswith("cs_"):
                self.stripe.direct("POST", f"/v1/checkout/sessions/{name}/expire")
            elif name.startswith("plink_"):
                self.stripe.direct("POST", f"/v1/payment_links/{name}", {"active": "false"})
            elif name.startswith("qt_"):
                self.stripe.direct("POST", f"/v1/quotes/{name}/cancel")
        self.stripe.reread_all()
        open_still = [name for name in self.stripe.books.things if not name.startswith("ii_")]
        assert not open_still, open_still
        self.stripe.check_covered("everything")
        if self.exact:
            self.stripe.check_exact()
