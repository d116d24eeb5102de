"""What a quantity of a price costs: unit amounts, tiers, packages, currency options.

| price | cost of a quantity |
| --- | --- |
| per unit | quantity x unit amount, which may have 12 decimals |
| package (`transform_quantity`) | whole packages x unit amount |
| graduated tiers | each part at its own tier, and the flat amount of every tier entered |
| volume tiers | all of it at the tier it ends in; a smaller quantity can cost more |
| the payer chooses (`custom_unit_amount`) | its maximum; without one nobody can say |
| metered | nothing at the start, what was used later |

Figures are exact fractions of the currency's smallest unit and are rounded by whoever adds them up.
Source: the price object of docs.stripe.com/api/prices (API version 2026-10-28).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from vendors.contract import Unreadable
from vendors.stripe.asked import checked_id
from vendors.stripe.billing.exact import branch, decimal, figure, fraction, listed
from vendors.stripe.billing.steps import Asking, Steps, look, within
from vendors.stripe.currencies import known
from vendors.stripe.things import Unclear, text
from vendors.stripe.verdicts import Tree

_ZERO: Final = Fraction(0)


@dataclass(frozen=True, slots=True)
class Tier:
    """up_to: the last unit in it, None for the last tier. unit, flat: minor units."""

    up_to: int | None
    unit: Fraction
    flat: Fraction

    def end(self, quantity: Fraction) -> Fraction:
        return quantity if self.up_to is None else min(quantity, Fraction(self.up_to))


@dataclass(frozen=True, slots=True)
class Price:
    """unit: of one unit or package, in minor units of `currency`. tiers: instead of it. package:
    units in one package, 0 if it is sold by the unit. elsewhere: it is sold in other currencies
    too."""

    currency: str
    unit: Fraction = _ZERO
    tiers: tuple[Tier, ...] = ()
    volume: bool = False
    package: int = 0
    package_up: bool = True
    metered: bool = False
    elsewhere: bool = False

    def cost(self, quantity: Fraction) -> Fraction:
        """Of exactly so many."""
        if not self.tiers:
            return self.unit * self._packages(quantity)
        return self._by_volume(quantity) if self.volume else self._graduated(quantity)

    def most(self, quantity: Fraction) -> Fraction:
        """Of any number up to so many: at a volume price the end of an earlier tier may cost
        more."""
        if not self.volume:
            return self.cost(quantity)
        return max(self._by_volume(tier.end(quantity)) for tier in self.tiers)

    def _packages(self, quantity: Fraction) -> Fraction:
        if not self.package:
            return quantity
        packages, rest = divmod(quantity, self.package)
        return Fraction(packages + (1 if rest and self.package_up else 0))

    def _by_volume(self, quantity: Fraction) -> Fraction:
        last = self.tiers[-1]
        fits = (tier for tier in self.tiers if tier.end(quantity) == quantity)
        tier = next(fits, last)
        return tier.flat + tier.unit * quantity

    def _graduated(self, quantity: Fraction) -> Fraction:
        starts = (_ZERO, *(Fraction(tier.up_to or 0) for tier in self.tiers[:-1]))
        return sum(
            (
                tier.flat + tier.unit * (tier.end(quantity) - start)
                for start, tier in zip(starts, self.tiers, strict=True)
                if start < quantity or not start
            ),
            _ZERO,
        )


def found_price(
    ask: Asking, field: str, price_id: str, currency: str | None = None
) -> Steps[Price]:
    """A price by its id, in its own currency or in another that it is sold in, whose tiers only a
    second look-up shows. Raises Unreadable, Unclear."""
    price_id = checked_id(field, price_id)
    target = f"/v1/prices/{price_id}?expand%5B%5D=tiers&expand%5B%5D=currency_options"
    why = "the amount of the price is at Stripe"
    tree = yield from look(target, why, "price", price_id)
    option = branch(branch(tree, "currency_options"), currency or "")
    tiered = tree.get("billing_scheme") == "tiered" and tree.get("currency") != currency
    if option and tiered and option.get("tiers") is None:
        target += f"&expand%5B%5D=currency_options.{currency}.tiers"
        tree = yield from look(target, "its tiers in that currency", "price", price_id)
    return read_price(tree, currency)


def read_price(tree: Tree, currency: str | None = None) -> Price:
    """currency: None for the price's own. Raises Unclear."""
    own = text(tree, "currency").lower()
    currency = currency or own
    sold = tree if currency == own else branch(branch(tree, "currency_options"), currency)
    if not sold:
        raise Unclear(f"the price is not sold in {currency}")
    elsewhere = not branch(tree, "currency_options").keys() <= {own}
    metered = branch(tree, "recurring").get("usage_type") == "metered"
    if tree.get("billing_scheme") == "tiered":
        mode = tree.get("tiers_mode")
        if mode not in ("graduated", "volume"):
            raise Unclear("the price has a kind of tiers that is not known")
        tiers = _tiers(sold)
        return Price(
            currency, tiers=tiers, volume=mode == "volume", metered=metered, elsewhere=elsewhere
        )
    if tree.get("billing_scheme", "per_unit") != "per_unit":
        raise Unclear("the price is billed in a way that is not known")
    package, package_up = _package(tree)
    unit = _unit(sold)
    return Price(currency, unit, (), False, package, package_up, metered, elsewhere)


def _unit(sold: Tree) -> Fraction:
    chosen = sold.get("custom_unit_amount")
    if chosen is not None:
        if not isinstance(chosen, dict) or type(chosen.get("maximum")) is not int:
            raise Unclear("the payer chooses the amount, and it has no maximum")
        return Fraction(figure(chosen, "maximum"))
    amount = _either(sold, "unit_amount")
    if amount is None:
        raise Unclear("the price has no unit amount")
    return amount


def _either(tree: Tree, name: str) -> Fraction | None:
    """The decimal form where there is one: the whole one is rounded, or null."""
    for each in (f"{name}_decimal", name):
        if tree.get(each) is not None:
            return fraction(each, tree[each])
    return None


def _tiers(sold: Tree) -> tuple[Tier, ...]:
    tiers = tuple(
        Tier(
            None if each.get("up_to") is None else figure(each, "up_to"),
            _either(each, "unit_amount") or _ZERO,
            _either(each, "flat_amount") or _ZERO,
        )
        for each in listed(sold.get("tiers"))
    )
    ends = [tier.up_to for tier in tiers]
    if not tiers or ends.pop() is not None:
        raise Unclear("the price does not show all of its tiers")
    if None in ends or ends != sorted(set(ends), key=lambda end: end or 0):
        raise Unclear("the tiers of the price are not in order")
    return tiers


def _package(tree: Tree) -> tuple[int, bool]:
    package: Any = tree.get("transform_quantity")
    if package is None:
        return 0, True
    if not isinstance(package, dict) or figure(package, "divide_by") < 1:
        raise Unclear("the size of a package cannot be read")
    return figure(package, "divide_by"), package.get("round") != "down"


def given_price(ask: Asking, base: str, currency: str | None = None) -> Price | None:
    """What the request's own `price_data` says; None if it has none. Raises Unreadable."""
    fields, inside = ask.fields, within(base, "price_data")
    if not any(name.startswith(f"{inside}[") for name in fields):
        return None
    code = fields.get(f"{inside}[currency]")
    if code is None:
        raise Unreadable(f"{inside}[currency]", "missing")
    own = known(f"{inside}[currency]", code)
    if currency is not None and own != currency:
        raise Unreadable(f"{inside}[currency]", f"not the currency of the rest, {currency}")
    unit = given_unit(ask, inside)
    if unit is None:
        raise Unreadable(f"{inside}[unit_amount]", "missing")
    return Price(own, unit)


def given_unit(ask: Asking, base: str) -> Fraction | None:
    """`unit_amount` or `unit_amount_decimal`, one of them. Raises Unreadable."""
    names = [within(base, name) for name in ("unit_amount", "unit_amount_decimal")]
    named = [name for name in names if name in ask.fields]
    if len(named) > 1:
        raise Unreadable(named[1], "name one unit amount, not two")
    return decimal(named[0], ask.fields[named[0]]) if named else None
