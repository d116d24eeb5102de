"""docs/counting.md has the numbers that a gateway has: each of its examples is played here, and the
table that comes out is the one on the page.

A row is what happened, what was answered, and how the key's record stood afterwards.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import ROOT, Answer, Closed, Gateway, OnThisPython, VaultKey, resend_at, twilio_at
from tests.integration.test_twilio_late import PLANTED
from tests.lives import HELD, INTENTS, PAY, Issuer
from tests.mails import mail, people
from tests.speaker import Meanwhile, until
from tests.texting import deliver, text

PAGE: Final = (ROOT / "docs" / "counting.md").read_text(encoding="utf-8")
HEAD: Final = (
    "| what happens | answer | `spent_usd` | how it stands | `remaining_usd` |",
    "| --- | --- | ---: | --- | ---: |",
)
STATES: Final = ("settled", "standing", "pending", "in_doubt", "held", "restored")
QUICK: Final = '[money]\nrates_file = "rates.json"\n[reconciler]\ncalls_per_second_max = 1000\n'


def begun(directory: Path, stripe: Sandbox, twilio: Sandbox, resend: Sandbox) -> Gateway:
    """A gateway with a table of rates of today's, whose clock a test can turn on by days."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    rates = {"date": today, "units_per_usd": {"eur": "0.8"}}
    (directory / "rates.json").write_text(json.dumps(rates))
    (directory / "sitecustomize.py").write_text(PLANTED)
    more = twilio_at(twilio.base_url) + resend_at(resend.base_url) + QUICK
    path = f"{directory}{os.pathsep}{ROOT}"
    return OnThisPython.start(directory, stripe.base_url, more=more, env={"PYTHONPATH": path})


@pytest.fixture(scope="module")
def house(
    sandbox_process: Sandbox,
    twilio_process: Sandbox,
    resend_process: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    """For examples that neither kill it nor turn its clock."""
    vendors = sandbox_process, twilio_process, resend_process
    with begun(tmp_path_factory.mktemp("counting"), *vendors) as running:
        yield running


@pytest.fixture
def gateway(
    vendor: Sandbox, twilio_process: Sandbox, resend_process: Sandbox, tmp_path: Path
) -> Iterator[Gateway]:
    """For the others."""
    with begun(tmp_path, vendor, twilio_process, resend_process) as running:
        yield running


class Story:
    """One key, and the table of what happened to it."""

    def __init__(self, gateway: Gateway, key: VaultKey | None = None, **terms: Any) -> None:
        self.gateway = gateway
        self.key = key or gateway.make_key(**terms)
        self.rows: list[str] = []

    def tell(self, what: str, answer: Answer | None = None) -> Answer | None:
        """A row: what happened, and how the key stands now."""
        record = self.gateway.record(self.key)
        stands = [
            f"{name.replace('_', ' ')} {record[f'{name}_usd']}"
            for name in STATES
            if record[f"{name}_usd"] != "0.00"
        ]
        if record["daily_call_cap"] is not None:
            stands.append(f"calls {record['calls_today']}")
        told = [what, answered(answer), record["spent_usd"], ", ".join(stands)]
        self.rows.append(f"| {' | '.join([*told, record['remaining_usd']])} |")
        return answer

    def post(self, what: str, path: str, name: str | None = None, **form: Any) -> Any:
        """A row for a POST; what the vendor answered. name: its Idempotency-Key."""
        named = {} if name is None else {"idempotency_key": name}
        answer = self.gateway.call(self.key, "POST", path, form=form, **named)
        self.tell(what, answer)
        return answer.json() | {"call_id": answer.headers["keybrake-call-id"]}

    def charge(self, what: str, amount: int, name: str | None = None, **form: Any) -> Any:
        """A payment intent, paid at once unless the form says otherwise."""
        wish = {"amount": amount, "currency": "usd", **(form or PAY)}
        return self.post(what, INTENTS, name, **wish)

    def is_told(self, title: str) -> None:
        """It is what the page says under this heading."""
        chapter = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
        shown = [line for line in chapter.splitlines() if line.startswith("| ")]
        assert shown == [*HEAD, *self.rows], "\n".join([title, *HEAD, *self.rows])


def answered(answer: Answer | None) -> str:
    """A refusal of ours shows its code."""
    if answer is None:
        return ""
    if "call_id" not in answer.json():
        return str(answer.status)
    return f"{answer.status} `{answer.error}`"


def looked_at(gateway: Gateway, call_id: str) -> None:
    told = gateway.admin("POST", f"/vault/calls/{call_id}/reconcile", {})
    assert told.status == 200, told


@pytest.mark.usefixtures("vendor")
def test_a_charge(house: Gateway) -> None:
    story = Story(house, daily_usd_cap="20")
    story.charge("a charge of 12 USD", 1200)
    story.charge("one of 9 USD: only 8 are left", 900)
    story.charge("one of 8 USD", 800)
    story.charge("one of 50 cents", 50)
    story.is_told("A charge")


@pytest.mark.usefixtures("vendor")
def test_a_card_that_is_declined(house: Gateway) -> None:
    story = Story(house, daily_usd_cap="20")
    bad = {"payment_method": "pm_card_visa_chargeDeclined", "confirm": "true"}
    failed = story.charge("a charge of 12 USD; the bank says no", 1200, **bad)
    path = f"{INTENTS}/{failed['error']['payment_intent']['id']}"
    story.charge("another one of 12 USD", 1200)
    story.post("the first intent is cancelled", f"{path}/cancel")
    story.charge("the other one again", 1200)
    story.is_told("A card that is declined")


@pytest.mark.usefixtures("vendor")
def test_an_intent_that_is_confirmed_later(house: Gateway) -> None:
    story = Story(house, daily_usd_cap="100")
    made = story.charge("an intent of 20 USD is made", 2000, description="later")
    story.post("it is confirmed", f"{INTENTS}/{made['id']}/confirm", payment_method="pm_card_visa")
    held = story.charge("another one of 30 USD is authorised", 3000, **HELD)
    story.post("13 of the 30 are captured", f"{INTENTS}/{held['id']}/capture",
               amount_to_capture=1300)  # fmt: skip
    story.is_told("An intent that is confirmed later")


@pytest.mark.usefixtures("vendor")
@pytest.mark.parametrize("title", ["A refund", "A refund that gives back"])
def test_a_refund(house: Gateway, title: str) -> None:
    story = Story(house, daily_usd_cap="50", refunds_restore_cap=title.endswith("gives back"))
    paid = story.charge("a charge of 20 USD", 2000)
    story.post("8 USD of it are refunded", "/v1/refunds", payment_intent=paid["id"], amount=800)
    story.is_told(title)


@pytest.mark.usefixtures("vendor")
def test_a_retry(house: Gateway) -> None:
    story = Story(house, daily_usd_cap="50")
    story.charge("a charge of 12 USD, `Idempotency-Key: order-1`", 1200, "order-1")
    story.charge("the same once more", 1200, "order-1")
    story.charge("the same key, now 15 USD", 1500, "order-1")
    story.charge("a charge of 12 USD without a key", 1200)
    story.charge("the same once more, a second charge", 1200)
    story.is_told("A retry")


def test_a_vendor_that_answers_500(house: Gateway, vendor: Sandbox) -> None:
    story = Story(house, daily_usd_cap="50")
    vendor.behave(path=INTENTS, status=500, stored=False)
    story.charge("a charge of 12 USD, `Idempotency-Key: order-1`", 1200, "order-1")
    story.charge("the same once more; this time Stripe answers", 1200, "order-1")
    vendor.behave(path=INTENTS, drop_before_executing=True)
    lost = story.charge("a charge of 15 USD; Stripe hangs up", 1500, "order-2")
    wish = {"outcome": "released", "reason": "Stripe has no such intent"}
    told = house.admin("POST", f"/vault/calls/{lost['call_id']}/resolve", wish)
    assert told.status == 200, told
    story.tell("a person has looked at Stripe and says that it never ran")
    story.is_told("A vendor that answers 500")


def test_a_gateway_that_is_killed(gateway: Gateway, vendor: Sandbox) -> None:
    story = Story(gateway, daily_usd_cap="50")
    vendor.behave(path=INTENTS, hold_answer=True)
    form = {"amount": 1200, "currency": "usd", **PAY}

    def charged_or_not() -> Answer | None:
        try:
            return gateway.call(story.key, "POST", INTENTS, form=form)
        except Closed:
            return None

    on_its_way = Meanwhile(charged_or_not)
    until(vendor.charged)
    story.tell("a charge of 12 USD has left; no answer yet")
    gateway.kill()
    assert on_its_way.result() is None
    gateway.restart()
    story.tell("the gateway was killed, and is started again")
    gateway.stop()
    gateway.env["KEYBRAKE__RECONCILER__DOUBT_FIRST_LOOK_S"] = "0"
    gateway.restart()
    until(lambda: gateway.ask("/vault/in-doubt")["data"], lambda doubts: not doubts)
    story.tell("a minute later it has found the charge at Stripe")
    story.is_told("A gateway that is killed")


def test_a_text_message(house: Gateway, twilio: Sandbox) -> None:
    twilio.control("POST", "pace", {"settle_ms": 60_000})
    story = Story(house, vendor="twilio", daily_usd_cap="1", daily_call_cap=2)
    answer = story.tell("a message of one segment to the USA", text(house, story.key))
    assert answer is not None
    deliver(twilio, answer.json()["sid"], "delivered", price="-0.00750")
    looked_at(house, answer.headers["keybrake-call-id"])
    story.tell("it was delivered; Twilio's price is 0.0075, and the carrier's fee is kept")
    long = "Your order is on its way. " * 7
    story.tell("a message of two segments", text(house, story.key, Body=long))
    story.tell("a third message", text(house, story.key))
    story.is_told("A text message")


@pytest.mark.usefixtures("resend")
def test_an_e_mail(house: Gateway) -> None:
    endpoints = ["POST /emails", "POST /emails/batch"]
    terms: dict[str, Any] = {"vendor": "resend", "allowed_endpoints": endpoints}
    story = Story(house, daily_usd_cap="1", daily_call_cap=10, **terms)

    def send(what: str, path: str, body: Any) -> None:
        story.tell(what, house.call(story.key, "POST", path, json_body=body))

    send("a mail to two people, a third in `cc`", "/emails", mail(to=people(2), cc="c@example.com"))
    send("a batch of two mails, to one and to four", "/emails/batch",
         [mail(), mail(to=people(4))])  # fmt: skip
    send("a mail to three: two recipients are left today", "/emails", mail(to=people(3)))
    story.is_told("An e-mail")


@pytest.mark.usefixtures("vendor")
def test_another_currency(house: Gateway) -> None:
    story = Story(house, daily_usd_cap="50")
    story.charge("a charge of 10 EUR", 1000, currency="eur", **PAY)
    story.charge("a charge of 9.99 EUR", 999, currency="eur", **PAY)
    story.is_told("Another currency")


def test_midnight(gateway: Gateway) -> None:
    story = Story(gateway, daily_usd_cap="20", expires_in=None)
    held = story.charge("an intent of 15 USD is authorised", 1500, **HELD)
    story.charge("a charge of 12 USD", 1200)
    (gateway.directory / "days-ahead").write_text("1")
    story.tell("a new day begins")
    story.charge("the charge of 12 USD again", 1200)
    story.post("yesterday's intent is captured", f"{INTENTS}/{held['id']}/capture")
    story.is_told("Midnight")
    days = gateway.ask("/vault/spend?by=day")
    assert [group["cost_usd"] for group in days["data"]] == ["12.00", "15.00"]


@pytest.mark.usefixtures("vendor")
def test_two_keys_of_one_issuer(house: Gateway) -> None:
    issuer = Issuer(house, daily_usd_cap="30")
    first, second = (
        Story(house, issuer.key(f"orders/{run}", daily_usd_cap="25")) for run in (1, 2)
    )
    first.charge("run 1 charges 20 USD", 2000)
    second.rows = first.rows
    second.charge("run 2 charges 8 USD", 800)
    second.charge("run 2 charges 5 USD: its issuer has 2 left", 500)
    again = Story(house, issuer.key("orders/2", daily_usd_cap="25"))
    again.rows = first.rows
    again.tell("run 2 gets a new key: the same budget")
    again.is_told("Two keys of one issuer")
    assert issuer.stands == ("28.00", "0.00")
