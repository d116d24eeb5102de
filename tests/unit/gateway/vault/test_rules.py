from __future__ import annotations

from typing import Any

import pytest

from gateway.vault.allowlist import Allowlist
from gateway.vault.rules import first_failure, judge
from gateway.vault.terms import ParamRule, Terms
from vendors.contract import Money, Operation, Quote, Reading
from vendors.rates import USD


def terms(**rules: Any) -> Terms:
    return Terms("vk_1", "stripe", "default", Allowlist.parse([]), 0, 0, None, **rules)


def reading(method: str = "POST", **fields: str) -> Reading:
    operation = Operation("PostPaymentIntents", method, "/v1/payment_intents", Money.PRICED)
    return Reading(operation, "/v1/payment_intents", "", "", b"", fields)


def passed(found: Terms, said: Reading, quote: Quote | None = None) -> dict[str, bool]:
    return {result.rule: result.passed for result in judge(found, said, quote)}


@pytest.mark.parametrize(
    ("reached", "fits"),
    [(("US",), True), (("US", "CA"), True), (("RU", "KZ"), False), (("??",), False)],
)
def test_a_call_reaches_only_the_keys_countries(reached: tuple[str, ...], fits: bool) -> None:
    rules = terms(countries=frozenset({"US", "CA"}))
    quote = Quote(1, "", countries=reached)
    assert passed(rules, reading(), quote) == {"country": fits}
    assert judge(rules, reading(), Quote(1, "")) == []


@pytest.mark.parametrize(
    ("fields", "fits"),
    [
        ({"to[0]": "a@x.y", "to[1]": "b@x.y"}, False),
        ({"to[0]": "a@x.y", "to[1]": "a@x.y"}, True),
        ({"to": "a@x.y", "to[0]": "b@x.y"}, False),
        ({"to[0][x]": "a@x.y"}, False),
        ({"tox[0]": "a@x.y", "xto": "a@x.y"}, False),
    ],
)
def test_a_field_that_comes_several_times_is_judged_each_time(
    fields: dict[str, str], fits: bool
) -> None:
    rule = ParamRule("to", equals="a@x.y")
    assert passed(terms(params=(rule,)), reading(**fields)) == {"params:to": fits}


def test_a_key_without_rules_judges_nothing() -> None:
    results = judge(terms(), reading(), Quote(10**12, ""))
    assert results == []
    assert first_failure(results) is None


@pytest.mark.parametrize(("amount_micros", "fits"), [(9, True), (10, True), (11, False)])
def test_a_maximum_per_call_holds_for_the_quote(amount_micros: int, fits: bool) -> None:
    found = passed(terms(per_call_micros_max=10), reading(), Quote(amount_micros, ""))
    assert found == {"per_call_usd_max": fits}


def test_what_costs_nothing_is_within_any_maximum() -> None:
    rules = terms(per_call_micros_max=0, currencies=frozenset({"usd"}))
    assert judge(rules, reading(), None) == []


@pytest.mark.parametrize(("currency", "fits"), [("usd", True), ("USD", True), ("jpy", False)])
def test_a_currency_is_one_of_the_keys(currency: str, fits: bool) -> None:
    rules = terms(currencies=frozenset({"usd", "eur"}))
    assert passed(rules, reading(), Quote(1, "", currency, rate=USD)) == {"currency": fits}
    fixed = Quote(1, "a fixed hold, which was found in no currency")
    assert passed(rules, reading(**{"a[currency]": currency}), fixed) == {"currency": fits}
    assert passed(rules, reading(currency=currency), fixed) == {"currency": fits}
    assert passed(rules, reading(), fixed) == {}


@pytest.mark.parametrize(
    ("rule", "value", "fits"),
    [
        (ParamRule("f", equals="cus_1"), "cus_1", True),
        (ParamRule("f", equals="cus_1"), "cus_12", False),
        (ParamRule("f", equals=""), "", True),
        (ParamRule("f", one_of=("a", "b")), "b", True),
        (ParamRule("f", one_of=("a", "b")), "c", False),
        (ParamRule("f", prefix="cus_"), "cus_1", True),
        (ParamRule("f", prefix="cus_"), "Cus_1", False),
        (ParamRule("f", maximum=5), "5", True),
        (ParamRule("f", maximum=5), "-1", True),
        (ParamRule("f", maximum=5), "6", False),
        (ParamRule("f", maximum=5), "1_0", False),
        (ParamRule("f", maximum=5), "٣", False),
        (ParamRule("f", maximum=5), "1.0", False),
        (ParamRule("f", maximum=5), "", False),
        (ParamRule("f", maximum=5), "9" * 5000, False),
        (ParamRule("f", prefix="a", one_of=("ab", "b")), "ab", True),
        (ParamRule("f", prefix="a", one_of=("ab", "b")), "b", False),
    ],
)
def test_a_field_does_what_its_rule_says(rule: ParamRule, value: str, fits: bool) -> None:
    assert passed(terms(params=(rule,)), reading(f=value)) == {"params:f": fits}


@pytest.mark.parametrize(
    ("rule", "method", "fits"),
    [
        (ParamRule("f", equals="x"), "POST", False),
        (ParamRule("f", one_of=("x",)), "POST", False),
        (ParamRule("f", prefix="x"), "DELETE", False),
        (ParamRule("f", maximum=5), "POST", True),
        (ParamRule("f", equals="x"), "GET", True),
        (ParamRule("f", equals="x"), "HEAD", True),
    ],
)
def test_an_absent_field_fails_writes_only(rule: ParamRule, method: str, fits: bool) -> None:
    assert passed(terms(params=(rule,)), reading(method)) == {"params:f": fits}


def test_a_read_is_held_to_what_it_names() -> None:
    rules = terms(params=(ParamRule("customer", equals="cus_1"),))
    assert passed(rules, reading("GET", customer="cus_2")) == {"params:customer": False}


def test_all_rules_are_told_and_the_first_failure_is_the_refusal() -> None:
    rules = terms(
        per_call_micros_max=5,
        currencies=frozenset({"usd"}),
        params=(
            ParamRule("a", equals="1", one_of=("1",), prefix="1", maximum=1),
            ParamRule("b", maximum=2),
        ),
    )
    results = judge(rules, reading(a="2", b="2"), Quote(6, "", "eur", rate=USD))
    assert [(r.rule, r.passed) for r in results] == [
        ("per_call_usd_max", False),
        ("currency", False),
        ("params:a", False),
        ("params:b", True),
    ]
    assert "equal '1' and be one of '1' and begin with '1' and be a whole" in results[2].detail
    refusal = first_failure([results[3], *results[1:]])
    assert refusal is not None
    assert refusal.facts == {"rule": "currency"}
    assert refusal.text == "The call is in eur; the key allows usd."
