"""A hostile caller with one valid key, at each of the vendors: what it may not get by timing, by
credit that others spend, by trials, or by a hold that was fixed beforehand.

Each test is an attack, told from outside; it ends by comparing what the stand-in really moved with
what the gateway says was spent.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bench.sandbox.launch import Sandbox
from tests import mails
from tests.house import Gateway, VaultKey, twilio_at
from tests.lives import act, without_us
from tests.speaker import until

US, UK = "+14155552671", "+447911123456"


@pytest.fixture
def payer(vendor: Sandbox) -> str:
    """A customer with a card that pays."""
    customer = without_us(vendor, "/v1/customers", payment_method="pm_card_visa")["id"]
    method = {"invoice_settings[default_payment_method]": "pm_card_visa"}
    without_us(vendor, f"/v1/customers/{customer}", **method)
    return str(customer)


def price_of(vendor: Sandbox, amount: int, **more: Any) -> str:
    form = {"currency": "usd", "unit_amount": amount, "product_data[name]": "Plan", **more}
    return str(without_us(vendor, "/v1/prices", **form)["id"])


def monthly(vendor: Sandbox, amount: int) -> str:
    return price_of(vendor, amount, **{"recurring[interval]": "month"})


def spent_cents(gateway: Gateway, key: VaultKey) -> int:
    return round(100 * float(gateway.record(key)["spent_usd"]))


# -- Stripe ----------------------------------------------------------------------------------------


def test_a_line_priced_while_another_is_added_counts_beside_it(
    gateway: Gateway, vendor: Sandbox, payer: str
) -> None:
    """The slow one has seen the invoice without the quick one; the books must not take what the
    quick one holds for its own."""
    key = gateway.make_key()
    draft = act(
        gateway, key, "/v1/invoices", customer=payer, pending_invoice_items_behavior="exclude"
    )
    path = f"/v1/invoices/{draft['id']}"
    line = {"lines[0][description]": "extra", "lines[0][amount]": 5_000}
    [first] = act(gateway, key, f"{path}/add_lines", **line)["lines"]["data"]
    tax = {"display_name": "VAT", "inclusive": "true", "percentage": 10}
    change = {"amount": 15_000, "tax_rates[0]": without_us(vendor, "/v1/tax_rates", **tax)["id"]}
    vendor.behave(path="/v1/tax_rates/*", method="GET", answer_latency_ms=1_500)
    with ThreadPoolExecutor(1) as threads:
        later = threads.submit(act, gateway, key, f"{path}/lines/{first['id']}", **change)
        until(lambda: any("/tax_rates/" in seen["path"] for seen in vendor.stats()["seen"]))
        act(gateway, key, f"{path}/add_lines", **{**line, "lines[0][amount]": 20_000})
        later.result()
    assert without_us(vendor, f"{path}/finalize")["amount_due"] == 35_000
    assert spent_cents(gateway, key) >= 35_000


def test_what_follows_a_trial_counts_from_the_day_it_was_asked_for(
    gateway: Gateway, vendor: Sandbox, payer: str
) -> None:
    """Nothing is paid today, and the first period is paid without another call."""
    key = gateway.make_key(daily_usd_cap="150")
    wish = {"customer": payer, "items[0][price]": monthly(vendor, 10_000), "trial_period_days": 1}
    wish["expand[0]"] = "latest_invoice"
    made = act(gateway, key, "/v1/subscriptions", **wish)
    assert made["status"] == "trialing"
    again = gateway.call(key, "POST", "/v1/subscriptions", form=wish)
    assert again.error == "daily_cap_exceeded", again
    vendor.control("POST", "advance", {"subscription": made["id"]})
    assert vendor.charged() == 10_000 <= spent_cents(gateway, key)


def test_credit_that_two_calls_count_on_pays_for_one_only(
    gateway: Gateway, vendor: Sandbox, payer: str
) -> None:
    """Both previews take the customer's credit off; the second invoice finds none left."""
    without_us(
        vendor, f"/v1/customers/{payer}/balance_transactions", amount=-10_000, currency="usd"
    )
    key = gateway.make_key(daily_usd_cap="50")
    wish = {"customer": payer, "items[0][price]": monthly(vendor, 10_000)}
    vendor.behave(path="/v1/invoices/create_preview", answer_latency_ms=500, count=2)
    with ThreadPoolExecutor(2) as threads:
        calls = [
            threads.submit(gateway.call, key, "POST", "/v1/subscriptions", form=wish)
            for _ in range(2)
        ]
        answers = [call.result() for call in calls]
    assert {answer.error for answer in answers if answer.status != 200} <= {"daily_cap_exceeded"}
    assert vendor.charged() <= 5_000


def test_a_list_is_not_hidden_behind_the_name_of_free_text(
    gateway: Gateway, vendor: Sandbox, payer: str
) -> None:
    """`metadata` says nothing about money, but for where it stands as the index of a list."""
    key = gateway.make_key()
    cheap, dear = monthly(vendor, 100), monthly(vendor, 90_000)
    wish = {"customer": payer, "items[0][price]": cheap, "items[metadata][price]": dear}
    assert gateway.call(key, "POST", "/v1/subscriptions", form=wish).status >= 400
    page = {
        "mode": "payment",
        "line_items[0][price]": price_of(vendor, 100),
        "line_items[metadata][price]": price_of(vendor, 90_000),
    }
    assert gateway.call(key, "POST", "/v1/checkout/sessions", form=page).status >= 400
    assert not {"/v1/subscriptions", "/v1/checkout/sessions"} & vendor.stats()["posts"].keys()


def test_a_fixed_hold_opens_no_currency(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(currencies=["usd"], allow_unpriced={"POST /v1/payment_links": "5"})
    price = price_of(vendor, 1_000, currency="eur")
    wish = {"line_items[0][price]": price, "line_items[0][quantity]": 1, "currency": "eur"}
    answer = gateway.call(key, "POST", "/v1/payment_links", form=wish)
    assert (answer.status, answer.json()["rule"]) == (403, "currency"), answer


# -- Twilio ----------------------------------------------------------------------------------------


@pytest.fixture
def phones(twilio: Sandbox, vendor: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    with Gateway.start(tmp_path, vendor.base_url, more=twilio_at(twilio.base_url)) as running:
        yield running


def test_a_fixed_hold_opens_no_country(phones: Gateway) -> None:
    """What the call does is not known; where it goes is."""
    key = phones.make_key(
        vendor="twilio",
        allowed_endpoints=["POST /2010-04-01/Accounts/*/Calls.json"],
        countries=["US"],
        allow_unpriced={"POST /2010-04-01/Accounts/*/Calls.json": "5"},
    )
    path = f"/2010-04-01/Accounts/{key.record['account_sid']}/Calls.json"
    call = {"From": US, "Url": "https://example.com/twiml"}
    assert phones.call(key, "POST", path, form={**call, "To": US}).status == 201
    refused = phones.call(key, "POST", path, form={**call, "To": UK})
    assert (refused.status, refused.json()["rule"]) == (403, "country"), refused


# -- Resend ----------------------------------------------------------------------------------------


def test_nobody_is_written_to_by_a_header(resend: Sandbox, vendor: Sandbox, tmp_path: Path) -> None:
    """Who stands in a `Bcc` of a mail's own headers may get it, and is counted by nobody."""
    with Gateway.start(
        tmp_path, vendor.base_url, more=mails.settings(resend.base_url), env=mails.ENV
    ) as running:
        key = mails.mail_key(running)
        for name in ("Bcc", "bcc", "CC", "to", "Resent-Bcc", "B cc"):
            wish = mails.mail(headers={name: "x@example.com, y@example.com"})
            answer = mails.send(running, key, wish)
            assert (answer.status, answer.error) == (422, "amount_unreadable"), (name, answer)
        batch = [mails.mail(headers={"Bcc": "x@example.com"})]
        assert mails.send(running, key, batch, path="/emails/batch").status == 422
        assert mails.send(running, key, mails.mail(headers={"X-Order": "1"})).status == 200
        assert mails.went_out(resend) == 1
