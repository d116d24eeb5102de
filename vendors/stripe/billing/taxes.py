"""Tax that goes on top: rates that a request names, and rates that an object already carries.

A rate is a percentage of up to four decimals, inclusive (already in the price) or exclusive (added
to it). The sum of the exclusive ones bounds what they add, whatever a discount takes off first.
Automatic tax has no bound: it depends on where the payer turns out to live.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from vendors.contract import Unpriced
from vendors.stripe.asked import Fields, checked_id
from vendors.stripe.billing.exact import branch, fraction
from vendors.stripe.billing.steps import Asking, Steps, look, template, true, within
from vendors.stripe.things import Unclear
from vendors.stripe.verdicts import Tree

NONE = Fraction(0)


def asked_tax(ask: Asking, base: str, name: str = "tax_rates") -> Steps[Fraction | None]:
    """The share that the rates named at `base[tax_rates][]` add. None: the request names none; an
    empty text takes all rates off. Raises Unreadable, Unclear."""
    whole_name = within(base, name)
    if ask.fields.get(whole_name) == "":
        return NONE
    names = [each for each in ask.fields if template(each) == f"{template(whole_name)}[]"]
    mine = [each for each in names if each.startswith(f"{whole_name}[")]
    if not mine:
        return None
    total = NONE
    for each in mine:
        rate_id = checked_id(each, ask.fields[each])
        why = "the percentage of the tax is at Stripe"
        total += share((yield from look(f"/v1/tax_rates/{rate_id}", why, "tax_rate", rate_id)))
    return total


def share(rate: Tree) -> Fraction:
    """What one tax rate adds to an amount. Raises Unclear."""
    inclusive = rate.get("inclusive")
    if not isinstance(inclusive, bool):
        raise Unclear("a tax rate does not say whether it is inclusive")
    percentage = fraction("the percentage of a tax rate", rate.get("percentage"))
    return NONE if inclusive else percentage / 100


def shares(rates: Iterable[Tree]) -> Fraction:
    """What these tax rates add together."""
    return sum((share(rate) for rate in rates), NONE)


def refuse_automatic_tax(fields: Fields, root: str = "automatic_tax") -> None:
    """Raises Unpriced where a request asks for automatic tax."""
    name = f"{root}[enabled]"
    if true(fields, name):
        raise Unpriced(f"{name} adds a tax that depends on where the payer lives")


def taxed_automatically(tree: Tree) -> bool:
    """Does Stripe work out this object's tax by itself?"""
    return branch(tree, "automatic_tax").get("enabled") not in (None, False)
