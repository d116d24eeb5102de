"""Definitions of prices: products, prices, plans, coupons, shipping rates.

To define a price moves nothing, and whatever charges by it is priced when it is called. What a
change of one does to those who pay by it already is another matter: Stripe keeps most figures as
they were made (a price's amount, a plan's, a coupon's percentage, a tax rate's), but a few
parameters of an update reach subscriptions and open checkouts that run: amounts in further
currencies, and whether tax comes on top. How much dearer those become is in no answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vendors.contract import Answer, Quote, Reading, Unpriced
from vendors.rates import Rate, Rates
from vendors.stripe.asked import BOTH, Quoter, Quoters
from vendors.stripe.moved import at_quote
from vendors.stripe.verdicts import Settler


def _without(*reaching: str) -> Quoter:
    """reaching: parameters that change what someone pays already."""

    def quoter(reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None) -> Quote:
        for name in reading.fields:
            if name.partition("[")[0] in reaching:
                raise Unpriced(f"{name} changes what others pay by it already")
        return Quote(0, "a definition moves nothing")

    return quoter


QUOTERS: Final[Quoters] = {
    "PostPricesPrice": (_without("currency_options", "tax_behavior"), BOTH),
    "PostPlansPlan": (_without("amount", "currency", "product", "tiers"), BOTH),
    "PostProductsId": (_without("tax_code", "tax_details"), BOTH),
    "PostCouponsCoupon": (_without("currency_options"), BOTH),
    "PostShippingRatesShippingRateToken": (_without("fixed_amount", "tax_behavior"), BOTH),
}
SETTLERS: Final[Mapping[str, Settler]] = dict.fromkeys(QUOTERS, at_quote)
