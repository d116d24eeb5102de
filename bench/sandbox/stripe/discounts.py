"""What lowers or raises a bill: coupons, promotion codes, tax rates. And the bill's arithmetic.

`Automatic tax` stands for whatever a tax engine finds out later: a tenth, on top.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from bench.sandbox.form import listed
from bench.sandbox.stripe import errors, lists, params, tariff
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

COUPON: Final = params.spec(
    "applies_to currency_options",
    amount_off=params.positive,
    currency=params.currency,
    duration=params.one_of("forever", "once", "repeating"),
    duration_in_months=params.positive,
    id=params.text,
    max_redemptions=params.positive,
    name=params.text,
    percent_off=params.decimal,
    redeem_by=params.integer,
)
UPDATE_COUPON: Final = params.spec("currency_options", name=params.text)
PROMOTION_CODE: Final = params.spec(
    "expires_at restrictions",
    active=params.boolean,
    code=params.text,
    coupon=params.text,
    customer=params.text,
    max_redemptions=params.positive,
    promotion=params.mapping,
)
TAX_RATE: Final = params.spec(
    "country description jurisdiction state tax_type",
    active=params.boolean,
    display_name=params.text,
    inclusive=params.boolean,
    percentage=params.decimal,
)
AUTOMATIC_TAX: Final = Fraction(1, 10)


def create_coupon(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    if ("percent_off" in given) == ("amount_off" in given):
        raise StripeError(400, "You must pass either percent_off or amount_off.")
    if "amount_off" in given and "currency" not in given:
        raise errors.missing("currency")
    if "percent_off" in given and not 0 < Fraction(given["percent_off"]) <= 100:
        raise errors.invalid("percent_off", "percent_off", given["percent_off"])
    percent = given.get("percent_off")
    coupon: Obj = {
        "id": given.get("id") or new_id("coupon")[-8:], "object": "coupon",
        "amount_off": given.get("amount_off"), "created": now(),
        "currency": given.get("currency"), "duration": given.get("duration", "once"),
        "duration_in_months": given.get("duration_in_months"), "livemode": world.livemode,
        "max_redemptions": given.get("max_redemptions"),
        "metadata": params.merged({}, given.get("metadata", {})), "name": given.get("name"),
        "percent_off": None if percent is None else float(percent),
        "redeem_by": given.get("redeem_by"), "times_redeemed": 0, "valid": True,
    }  # fmt: skip
    world.tell("coupon.created", coupon)
    return world.put(coupon)


def update_coupon(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    coupon = world.get("coupon", ids[0])
    return world.put({**coupon, **lists.described(coupon, given, ("name",))})


def delete_coupon(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.drop("coupon", ids[0])


def create_promotion_code(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    coupon_id = given.get("coupon") or given.get("promotion", {}).get("coupon")
    coupon = world.get("coupon", str(coupon_id), param="coupon")
    code: Obj = {
        "id": new_id("promotion_code"), "object": "promotion_code",
        "active": given.get("active", True), "code": given.get("code", "SANDBOX"),
        "created": now(), "customer": given.get("customer"), "expires_at": None,
        "livemode": world.livemode, "max_redemptions": given.get("max_redemptions"),
        "metadata": params.merged({}, given.get("metadata", {})),
        "promotion": {"type": "coupon", "coupon": coupon["id"]}, "times_redeemed": 0,
    }  # fmt: skip
    world.tell("promotion_code.created", code)
    return world.put(code)


def create_tax_rate(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    rate: Obj = {
        "id": new_id("tax_rate"), "object": "tax_rate", "active": given.get("active", True),
        "country": None, "created": now(), "description": None,
        "display_name": given["display_name"], "effective_percentage": None,
        "inclusive": given["inclusive"], "jurisdiction": None, "livemode": world.livemode,
        "metadata": params.merged({}, given.get("metadata", {})),
        "percentage": float(given["percentage"]), "state": None, "tax_type": None,
    }  # fmt: skip
    world.tell("tax_rate.created", rate)
    return world.put(rate)


def coupons_of(world: World, value: Any, param: str = "discounts") -> tuple[Obj, ...]:
    """The coupons that a `discounts` parameter names, by coupon or by promotion code."""
    found = []
    for item in params.maps(param, listed(value)):
        if item.get("promotion_code"):
            code = world.get("promotion_code", item["promotion_code"], param=param)
            found.append(world.get("coupon", code["promotion"]["coupon"], param=param))
        elif item.get("coupon"):
            found.append(world.get("coupon", item["coupon"], param=param))
        else:
            raise errors.missing(f"{param}[coupon]")
    return tuple(found)


def tax_rates_of(world: World, value: Any, param: str = "default_tax_rates") -> tuple[Obj, ...]:
    if value in ("", None):
        return ()
    return tuple(world.get("tax_rate", rate, param=param) for rate in params.array(param, value))


@dataclass(frozen=True, slots=True)
class Terms:
    """What is taken off and put on a bill."""

    coupons: Sequence[Obj] = ()
    tax_rates: Sequence[Obj] = ()
    automatic_tax: bool = False


@dataclass(frozen=True, slots=True)
class Sums:
    """Minor units. total = subtotal - discount + tax (of rates that are not inclusive) + more."""

    subtotal: int
    discount: int
    tax: int
    total: int


def sums(lines: Iterable[Obj], terms: Terms, shipping: int = 0) -> Sums:
    """lines: each with amount, discountable and its own tax_rates (those replace the bill's)."""
    lines = list(lines)
    subtotal = sum(line["amount"] for line in lines)
    base = sum(line["amount"] for line in lines if line.get("discountable", True))
    discount = _discount(max(base, 0), terms.coupons)
    tax = _tax(lines, terms, discount, base)
    return Sums(subtotal, discount, tax, subtotal - discount + tax + shipping)


def _discount(base: int, coupons: Iterable[Obj]) -> int:
    """Coupons apply one after the other, each to what is left."""
    left = base
    for coupon in coupons:
        if coupon["percent_off"] is not None:
            off = tariff.rounded(left * Fraction(str(coupon["percent_off"])) / 100)
        else:
            off = coupon["amount_off"]
        left -= min(off, left)
    return base - left


def _tax(lines: list[Obj], terms: Terms, discount: int, base: int) -> int:
    """Each line's share of the discount is taken off before its tax."""
    total = 0
    for line in lines:
        net = Fraction(line["amount"])
        if discount and base > 0 and line.get("discountable", True):
            net -= Fraction(discount * line["amount"], base)
        rates = line.get("tax_rates") or terms.tax_rates
        share = sum(
            (Fraction(str(rate["percentage"])) / 100 for rate in rates if not rate["inclusive"]),
            AUTOMATIC_TAX if terms.automatic_tax else Fraction(0),
        )
        total += tariff.rounded(net * share)
    return total
