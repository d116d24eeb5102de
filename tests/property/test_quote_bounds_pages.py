"""Quotes and settlements of what payers pay at Stripe's pages, and of its offers, against its
stand-in: see test_quote_bounds.py."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from tests.bounds import STEPS, made
from tests.bounds_billing import PRICES, RECURRING, BillingLives, quantities

indexes = st.integers(0, len(PRICES) - 1)


class StripePages(BillingLives):
    """Checkout Sessions, payment links and quotes, and who pays there."""

    sessions = Bundle("sessions")
    links = Bundle("links")
    offers = Bundle("offers")

    # -- pages -----------------------------------------------------------------------------------

    def _lines(self, price: int, quantity: int, most: int | None, inline: int | None) -> Any:
        form: dict[str, Any] = {"line_items[0][quantity]": quantity}
        if inline is None:
            form["line_items[0][price]"] = self.prices[price]
        else:
            form |= {
                "line_items[0][price_data][currency]": "usd",
                "line_items[0][price_data][unit_amount]": inline,
                "line_items[0][price_data][product_data][name]": "Thing",
            }
            if price < RECURRING:
                form["line_items[0][price_data][recurring][interval]"] = "month"
        if most is not None:
            form["line_items[0][adjustable_quantity][enabled]"] = "true"
            form["line_items[0][adjustable_quantity][maximum]"] = most
        return form

    @rule(
        target=sessions,
        price=indexes,
        quantity=quantities,
        most=st.sampled_from([None, None, 9, 20]),
        inline=st.sampled_from([None, 350]),
        optional=st.one_of(st.none(), st.integers(RECURRING, len(PRICES) - 1)),
        shipping=st.sampled_from([None, 500]),
        trial=st.sampled_from([None, 7]),
    )
    def open_session(
        self,
        price: int,
        quantity: int,
        most: int | None,
        inline: int | None,
        optional: int | None,
        shipping: int | None,
        trial: int | None,
    ) -> Any:
        pays = price >= RECURRING
        form = self._lines(price, quantity, most, inline)
        form |= {"mode": "payment" if pays else "subscription", "success_url": "https://x.example"}
        if optional is not None:
            form |= {"optional_items[0][price]": self.prices[optional]}
            form |= {"optional_items[0][quantity]": 2}
        if shipping is not None and pays:
            rate = "shipping_options[0][shipping_rate_data]"
            form |= {f"{rate}[type]": "fixed_amount", f"{rate}[display_name]": "Post"}
            form |= {f"{rate}[fixed_amount][amount]": shipping}
            form |= {f"{rate}[fixed_amount][currency]": "usd"}
        if trial is not None and not pays:
            self.exact = False
            form["subscription_data[trial_period_days]"] = trial
        return made(self.post("checkout/sessions", **form), "id")

    @rule(
        session=sessions,
        method=st.sampled_from(["pm_card_visa", "pm_card_chargeDeclined"]),
        quantity=st.one_of(st.none(), st.integers(1, 20)),
        optional=st.booleans(),
    )
    def payer_completes(
        self, session: str, method: str, quantity: int | None, *, optional: bool
    ) -> None:
        self._pays("checkout_session", session, method, quantity, optional=optional)

    @rule(session=sessions)
    def expire(self, session: str) -> None:
        self.post(f"checkout/sessions/{session}/expire")

    @rule(
        target=links,
        price=indexes,
        quantity=quantities,
        most=st.sampled_from([None, 9]),
        limit=st.sampled_from([None, 1, 3]),
    )
    def make_link(self, price: int, quantity: int, most: int | None, limit: int | None) -> Any:
        self.exact = False  # who paid there counts at the most they could
        form = self._lines(price, quantity, most, None)
        form["restrictions[completed_sessions][limit]"] = limit
        return made(self.post("payment_links", **form), "id")

    @rule(link=links, quantity=st.one_of(st.none(), st.integers(1, 20)))
    def somebody_pays(self, link: str, quantity: int | None) -> None:
        self._pays("payment_link", link, "pm_card_visa", quantity, optional=False)

    @rule(link=links, active=st.sampled_from(["true", "false"]))
    def switch_link(self, link: str, active: str) -> None:
        self.post(f"payment_links/{link}", active=active)

    def _pays(
        self, kind: str, page: str, method: str, quantity: int | None, *, optional: bool
    ) -> None:
        chosen: dict[str, Any] = {} if quantity is None else {"quantities": {"0": quantity}}
        if optional:
            chosen["optional"] = [0]
        self.stripe.door("pay", **{kind: page}, payment_method=method, **chosen)
        self.stripe.check_covered(f"somebody paid at a {kind}")

    # -- offers ----------------------------------------------------------------------------------

    @rule(target=offers, who=st.integers(0, 1), price=indexes, quantity=quantities)
    def draw_up(self, who: int, price: int, quantity: int) -> Any:
        form = {"line_items[0][price]": self.prices[price], "line_items[0][quantity]": quantity}
        return made(self.post("quotes", customer=self.customers[who], **form), "id")

    @rule(offer=offers, doing=st.sampled_from(["finalize", "accept", "cancel"]))
    def change_offer(self, offer: str, doing: str) -> None:
        self.exact = self.exact and doing != "accept"  # settles all of it
        self.post(f"quotes/{offer}/{doing}")


TestStripePages = StripePages.TestCase
TestStripePages.settings = STEPS
