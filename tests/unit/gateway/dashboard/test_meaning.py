"""Every code and state is explained; docs/errors.md is held to the same words elsewhere."""

from __future__ import annotations

from gateway import errors
from gateway.call.books import _BLOCKED_BY
from gateway.dashboard.meaning import CAPS, CODES, RULES, STATES, rule_name, rule_words
from gateway.dashboard.wishes import STATES as ASKED
from gateway.errors import AdminRefusal, Refusal

KINDS = {kind for kind in vars(errors).values() if isinstance(kind, type)}


def test_every_code_that_a_caller_can_get_is_explained() -> None:
    codes = {
        kind.code
        for kind in KINDS
        if issubclass(kind, Refusal) and not issubclass(kind, AdminRefusal)
    }
    assert set(CODES) == codes


def test_every_cap_is_explained() -> None:
    assert set(CAPS) == {*_BLOCKED_BY.values(), "issuer_daily"}


def test_a_rule_is_told_by_name_and_a_cap_by_its_code() -> None:
    assert (rule_name("currency"), rule_name("key_daily"), rule_name(None)) == ("currency", "", "")
    assert rule_words("params:metadata[order]") == RULES["params:"]
    assert rule_words("issuer_daily") == CAPS["issuer_daily"]
    assert (rule_words("of_a_vendor_of_ones_own"), rule_words(None)) == ("", "")


def test_every_state_is_explained() -> None:
    assert set(STATES) == set(ASKED)
