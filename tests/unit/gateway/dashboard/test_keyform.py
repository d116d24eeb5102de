"""A browser's form becomes the body that the admin side takes, mistakes and all."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.dashboard.forms import Form, read_form
from gateway.dashboard.keyform import (
    amendment_body,
    endpoints,
    expiry,
    in_words,
    issuer_body,
    key_body,
    made_name,
)
from gateway.errors import InvalidRequest
from gateway.vault.known import KnownVendor
from gateway.vault.termsreader import read_terms

KNOWN = {"stripe": KnownVendor(("default",), frozenset({"currencies", "refunds_restore_cap"}))}
LEAST = {
    "vendor": "stripe",
    "daily_usd_cap": "$ 50",
    "agent_run_label": "a/1",
    "endpoint": "POST /v1/charges",
    "expires_in": "8h",
}


def form(**fields: Any) -> Form:
    return read_form(urlencode(fields, doseq=True))


def body(**fields: Any) -> dict[str, Any]:
    return key_body(form(**LEAST, **fields))


def test_what_is_left_empty_is_left_out() -> None:
    assert body(name="", total_usd_cap="", countries=" ", params="", rate_per_minute="") == {
        "vendor": "stripe",
        "daily_usd_cap": "50",
        "agent_run_label": "a/1",
        "allowed_endpoints": ["POST /v1/charges"],
        "expires_in": "8h",
    }


def test_every_field_reaches_the_terms() -> None:
    told = body(
        name="Ann's",
        account="default",
        total_usd_cap="500",
        per_call_usd_max="20",
        daily_call_cap="7",
        rate_per_minute="60",
        concurrency_max="2",
        currencies="USD, eur",
        timezone="Europe/Paris",
        mode="shadow",
        params='{"amount": {"max": 5000}}',
        allow_unpriced="POST /v1/things = $0.50\n\nPOST  /v1/more=1",
        mint_endpoints="POST /v1/ephemeral_keys\n",
        more_endpoints="  POST   /v1/ephemeral_keys \nPOST /v1/charges",
        refunds_restore_cap="yes",
        free_test_mode="yes",
        idempotency_scope="all",
        error_style="flat",
        block_status="402",
    )
    terms = read_terms(told, KNOWN, "vk_1", 0)
    assert terms.allowed.entries == ("POST /v1/charges", "POST /v1/ephemeral_keys")
    assert (terms.per_call_micros_max, terms.total_cap_micros) == (20_000_000, 500_000_000)
    assert sorted(terms.currencies or ()) == ["eur", "usd"]
    assert [held for _, held in terms.allow_unpriced] == [500_000, 1_000_000]
    assert (terms.params[0].maximum, terms.mode.value, terms.block_status) == (5000, "shadow", 402)
    assert not terms.count_test_mode
    assert terms.refunds_restore_cap


def test_what_cannot_be_read_is_told_by_the_admin_side_all_at_once() -> None:
    told = body(
        total_usd_cap="1,5",
        rate_per_minute="many",
        params="{",
        allow_unpriced="POST /v1/things",
        currencies="dollars",
        expires_other="soon",
        daily_call_cap="-1",
    )
    with pytest.raises(InvalidRequest) as raised:
        read_terms(told, KNOWN, "vk_1", 0)
    wrong = [error["field"] for error in raised.value.facts["errors"]]
    assert sorted(wrong) == [
        "allow_unpriced",
        "currencies",
        "daily_call_cap",
        "expires_in",
        "params",
        "rate_per_minute",
        "total_usd_cap",
    ]


def test_an_expiry_that_was_typed_goes_before_one_that_was_picked() -> None:
    assert expiry(form(expires_in="8h", expires_other="45m")) == {"expires_in": "45m"}
    assert expiry(form(expires_in="never")) == {"expires_in": None}
    assert expiry(form()) == {}


def test_an_endpoint_that_was_ticked_and_typed_is_there_once() -> None:
    both = form(endpoint=["GET /a", "GET /b"], more_endpoints="GET /b\r\nGET /c")
    assert endpoints(both) == ["GET /a", "GET /b", "GET /c"]


def test_a_change_names_only_what_was_changed() -> None:
    changed = form(
        daily_usd_cap="40",
        was_daily_usd_cap="50.00",
        per_call_usd_max="",
        was_per_call_usd_max="20.00",
        name="A",
        was_name="A",
        rate_per_minute="9",
        was_rate_per_minute="",
        mode="enforce",
        was_mode="enforce",
        expires_in="",
    )
    assert amendment_body(changed) == {
        "daily_usd_cap": "40",
        "per_call_usd_max": None,
        "rate_per_minute": 9,
    }
    assert amendment_body(form(expires_in="never")) == {"expires_in": None}


def test_an_issuer_is_its_cap_and_its_template() -> None:
    told = issuer_body(
        form(
            name="per-run",
            daily_usd_cap="$100",
            keys_per_hour="60",
            vendor=["stripe", "twilio"],
            endpoint="POST /v1/charges",
            daily_usd_cap_max="25",
            per_call_usd_max="5",
            expires_in="24h",
        )
    )
    assert told == {
        "name": "per-run",
        "daily_usd_cap": "100",
        "keys_per_hour": 60,
        "template": {
            "vendors": ["stripe", "twilio"],
            "allowed_endpoints": ["POST /v1/charges"],
            "daily_usd_cap_max": "25",
            "per_call_usd_max": "5",
            "expires_in_max": "24h",
        },
    }
    assert issuer_body(form())["template"] == {}


def test_a_form_sent_twice_names_one_thing_and_one_that_was_changed_another() -> None:
    first, again = form(**LEAST, number="n1"), form(**LEAST, number="n1")
    assert made_name(first, key_body(first)) == made_name(again, key_body(again))
    other = form(**{**LEAST, "daily_usd_cap": "51"}, number="n1")
    assert made_name(other, key_body(other)) != made_name(first, key_body(first))
    fresh = form(**LEAST, number="n2")
    assert made_name(fresh, key_body(fresh)) != made_name(first, key_body(first))


def test_mistakes_are_told_under_the_names_that_the_form_shows() -> None:
    known, unknown = in_words(
        [
            {"field": "daily_usd_cap", "problem": "is required"},
            {"field": "params.amount", "problem": "is odd"},
        ]
    )
    assert (known["label"], known["field"]) == ("Daily cap", "daily_usd_cap")
    assert unknown["label"] == "params.amount"
