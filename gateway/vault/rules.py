"""A key's policy on what a call says: its maximum per call, its currencies, its rules on named
fields.

Pure. Every rule that the key has is judged and told (a quote shows them all); the first that fails
is what a call is refused for. Accounts named in a header, minting and the allowlist are judged on
the request's head (`gateway/call/admission.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.errors import PolicyRefused
from gateway.vault.terms import ParamRule, Terms
from vendors.contract import Quote, Reading
from vendors.money import show_usd

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_READS: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class RuleResult:
    """rule: `per_call_usd_max`, `currency`, `params:<field>`. detail: one sentence, for both
    outcomes."""

    rule: str
    passed: bool
    detail: str


def judge(terms: Terms, reading: Reading, quote: Quote | None) -> list[RuleResult]:
    """All of the key's rules that concern this call, in a fixed order. quote: None for a call that
    costs nothing."""
    return list(_results(terms, reading, quote))


def first_failure(results: Sequence[RuleResult]) -> PolicyRefused | None:
    for result in results:
        if not result.passed:
            return PolicyRefused(result.detail, rule=result.rule)
    return None


def _results(terms: Terms, reading: Reading, quote: Quote | None) -> Iterator[RuleResult]:
    if quote is not None and terms.per_call_micros_max is not None:
        yield _per_call(terms.per_call_micros_max, quote)
    if quote is not None and terms.currencies is not None:
        for currency in _named(quote, reading):
            yield _currency(terms.currencies, currency)
    if quote is not None and quote.countries and terms.countries is not None:
        yield _country(terms.countries, quote.countries)
    for rule in terms.params:
        yield _param(rule, reading)


def _per_call(most_micros: int, quote: Quote) -> RuleResult:
    return RuleResult(
        "per_call_usd_max",
        quote.amount_micros <= most_micros,
        f"The call can cost {show_usd(quote.amount_micros)} USD; "
        f"the key allows {show_usd(most_micros)} per call.",
    )


def _named(quote: Quote, reading: Reading) -> list[str]:
    """The currency that the price was found in. A fixed hold was found in none: then those that the
    request names."""
    if quote.rate is not None:
        return [quote.currency]
    fields = reading.fields.items()
    return [text for name, text in fields if name == "currency" or name.endswith("[currency]")]


def _currency(allowed: frozenset[str], currency: str) -> RuleResult:
    return RuleResult(
        "currency",
        currency.lower() in allowed,
        f"The call is in {currency[:10]}; the key allows {', '.join(sorted(allowed))}.",
    )


def _country(allowed: frozenset[str], reached: tuple[str, ...]) -> RuleResult:
    """A number that may be in one of several countries needs all of them."""
    return RuleResult(
        "country",
        allowed.issuperset(reached),
        f"The call may reach {', '.join(reached)}; the key allows {', '.join(sorted(allowed))}.",
    )


def _param(rule: ParamRule, reading: Reading) -> RuleResult:
    """A field that comes several times is judged each time. What a read does not name it does not
    narrow, so an absent field fails writes only."""
    values = _values(rule.name, reading.fields)
    wish = _wish(rule)
    if values:
        passed = all(_satisfies(rule, value) for value in values)
        return RuleResult(f"params:{rule.name}", passed, f"{rule.name} must {wish}.")
    needed = rule.equals is not None or rule.one_of is not None or rule.prefix is not None
    passed = not needed or reading.operation.method in _READS
    return RuleResult(f"params:{rule.name}", passed, f"{rule.name} is absent; it must {wish}.")


def _values(name: str, fields: Mapping[str, str]) -> list[str]:
    """The field itself, and all that are numbered under its name (`to[0]`, `to[1]`)."""
    one_of_it = re.compile(re.escape(name) + r"(\[[0-9]+\])?")
    return [value for field, value in fields.items() if one_of_it.fullmatch(field)]


def _satisfies(rule: ParamRule, value: str) -> bool:
    return (
        (rule.equals is None or value == rule.equals)
        and (rule.one_of is None or value in rule.one_of)
        and (rule.prefix is None or value.startswith(rule.prefix))
        and (rule.maximum is None or _at_most(value, rule.maximum))
    )


def _at_most(value: str, maximum: int) -> bool:
    """Only plain whole numbers can be told to be small enough."""
    return _WHOLE.fullmatch(value) is not None and int(value) <= maximum


def _wish(rule: ParamRule) -> str:
    wishes = []
    if rule.equals is not None:
        wishes.append(f"equal {rule.equals!r}")
    if rule.one_of is not None:
        wishes.append(f"be one of {', '.join(map(repr, rule.one_of))}")
    if rule.prefix is not None:
        wishes.append(f"begin with {rule.prefix!r}")
    if rule.maximum is not None:
        wishes.append(f"be a whole number of at most {rule.maximum}")
    return " and ".join(wishes)
