"""Plain words for what a key may call: each is a real operation, and a stranger gets by."""

from __future__ import annotations

import pytest

from gateway.dashboard.endpoints import (
    COSTS,
    Endpoint,
    call_words,
    costs_of,
    endpoint_of,
    groups_of,
    operation_of,
    title_of,
)
from gateway.vault.allowlist import Allowlist
from tests.acme_vendor.acme_vendor import ACME
from vendors import VENDORS
from vendors.contract import Money, Vendor
from vendors.stripe import STRIPE

ALL = [
    pytest.param(vendor, endpoint, id=f"{name} {endpoint.entry}")
    for name, vendor in VENDORS.items()
    for group in groups_of(vendor)
    for endpoint in group.endpoints
]


@pytest.mark.parametrize(("vendor", "endpoint"), ALL)
def test_every_choice_is_an_operation_with_a_price_or_without_cost(
    vendor: Vendor, endpoint: Endpoint
) -> None:
    operation = operation_of(vendor, endpoint.entry)
    assert operation.money in (Money.FREE, Money.PRICED), operation
    assert operation.name or operation.method == "GET"
    assert (endpoint.costs != "") is (operation.money is Money.PRICED)
    assert Allowlist.parse([endpoint.entry]).entries == (endpoint.entry,)
    assert endpoint.words[0].isupper()


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=lambda vendor: vendor.name)
def test_no_choice_is_there_twice_and_common_ones_come_first(vendor: Vendor) -> None:
    groups = groups_of(vendor)
    entries = [endpoint.entry for group in groups for endpoint in group.endpoints]
    assert len(entries) == len(set(entries))
    assert 15 <= len(entries) <= 40
    assert [group.common for group in groups] == [True] + [False] * (len(groups) - 1)


def test_a_vendor_without_words_offers_the_roots_of_its_paths() -> None:
    (group,) = groups_of(ACME)
    assert group.common
    assert [endpoint.entry for endpoint in group.endpoints] == [
        "GET /letters",
        "POST /letters",
        "GET /letters/**",
        "POST /letters/**",
    ]
    assert [endpoint.words for endpoint in group.endpoints] == [
        "Read /letters",
        "PostLetter",
        "Read anything below /letters",
        "Create or change anything below /letters",
    ]
    assert title_of("acme") == "Acme"
    assert not group.endpoints[0].is_known


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("POST /v1/payment_intents", "Charge a customer"),
        ("POST /v1/disputes/*/close", "PostDisputesDisputeClose"),
        ("DELETE /v1/**", "Delete anything below /v1"),
        ("GET /v1/disputes", "Read /v1/disputes"),
        ("POST /**", "Create or change anything below /"),
    ],
)
def test_an_entry_reads_back_in_words(entry: str, words: str) -> None:
    assert endpoint_of(STRIPE, "stripe", entry).words == words


def test_an_entry_of_a_vendor_that_is_not_set_up_still_reads() -> None:
    found = endpoint_of(None, "stripe", "POST /v1/refunds")
    assert (found.words, found.costs, found.is_known) == ("Refund a payment", "", True)
    assert endpoint_of(None, "gone", "POST /x").words == "Create or change /x"


def test_what_an_entry_does_with_money() -> None:
    assert costs_of(STRIPE, "POST /v1/ephemeral_keys") == COSTS[Money.MINTS]
    assert costs_of(STRIPE, "POST /v1/nothing_known") == COSTS[Money.UNPRICED]
    assert costs_of(STRIPE, "POST /v1/**") == COSTS[Money.PRICED]
    assert costs_of(STRIPE, "GET /v1/**") == ""
    assert operation_of(VENDORS["twilio"], "POST /verify/v2/Services/*/Verifications").name


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("stripe", "POST", "/v1/payment_intents", "PostPaymentIntents"), "Charge a customer"),
        (("stripe", "GET", "/v1/customers/cus_1", "GetCustomersCustomer"), "Read one customer"),
        (("stripe", "POST", "/v1/nothing", None), "POST /v1/nothing"),
        (("acme", "POST", "/v1/payment_intents", "things/make"), "things/make"),
    ],
)
def test_a_call_in_plain_words(call: tuple[str, str, str, str | None], told: str) -> None:
    vendor, method, path, operation = call
    record = {"vendor": vendor, "method": method, "path": path, "operation": operation}
    assert call_words(record) == told
    assert call_words({"id": "call_1"}) == "call_1"
