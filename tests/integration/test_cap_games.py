"""Games against a cap: each tries in its own way to move more than the key may, at a vendor that
really keeps accounts, and is judged in one way: what was moved fits under the cap, and what the
books say is at least that.

Where a game is only a matter of how a request is written, it stands in `tests/corpus`; here are
those that need a vendor with a memory. docs/cap-games.md lists them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from bench.sandbox.launch import Sandbox
from tests import mails, texting
from tests.house import (
    Answer,
    Gateway,
    VaultKey,
    Wire,
    request_bytes,
    resend_at,
    twilio_at,
)
from tests.lives import HELD, INTENTS, PAY, Issuer, without_us

CAP: Final = 2_000
"""Cents a day."""
DEAR: Final = 900_000
METHOD: Final = {"payment_method": "pm_card_visa"}
FREELY: Final = "calls_per_second_max = 0"
ANY_RATES: Final = "[money]\nrates_age_max_days = 3650\n"
FORM: Final = "application/x-www-form-urlencoded"


class Table:
    """A key of 20 USD a day, and whoever else plays."""

    def __init__(self, gateway: Gateway, vendor: Sandbox, **terms: Any) -> None:
        self.gateway, self.vendor = gateway, vendor
        self.key = gateway.make_key(**{"daily_usd_cap": "20", **terms})
        self.out = 0
        """Cents that left by refunds, transfers and payouts: the stand-in counts charges only."""
        self.others = 0
        """Cents that outsiders moved for themselves: nothing of it is the key's."""

    def post(self, path: str, key: VaultKey | None = None, /, **form: Any) -> Answer:
        headers = {name: form.pop(name) for name in ("idempotency_key",) if name in form}
        return self.gateway.call(key or self.key, "POST", path, form=form, **headers)

    def pay(self, cents: int, **form: Any) -> Answer:
        return self.post(INTENTS, **{"amount": cents, "currency": "usd", **PAY, **form})

    def outside(self, path: str, **form: Any) -> Any:
        """A call of somebody who has the real key, for himself."""
        before = self.vendor.charged()
        answer = without_us(self.vendor, path, **form)
        self.others += self.vendor.charged() - before
        return answer

    def confirm_outside(self, intent: Any) -> None:
        """By whoever has its client_secret: what the key left open is the key's."""
        without_us(self.vendor, f"{INTENTS}/{intent['id']}/confirm", **METHOD)

    def payer(self) -> str:
        """A customer with a card that pays."""
        customer = str(self.outside("/v1/customers", payment_method="pm_card_visa")["id"])
        method = {"invoice_settings[default_payment_method]": "pm_card_visa"}
        self.outside(f"/v1/customers/{customer}", **method)
        return customer

    def price(self, cents: int) -> str:
        form = {"currency": "usd", "unit_amount": cents, "product_data[name]": "Plan"}
        return str(self.outside("/v1/prices", **form, **{"recurring[interval]": "month"})["id"])

    def sent_back(self, answer: Answer, cents: int) -> None:
        self.out += cents if answer.status == 200 else 0

    def at_once(self, count: int, turn: Callable[[int], Answer]) -> list[Answer]:
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(turn, range(count)))


def confirms_without_amount(table: Table) -> None:
    """An intent that somebody else made, of which the call says nothing."""
    made = table.outside(INTENTS, amount=DEAR, currency="usd", payment_method="pm_card_visa")
    table.post(f"{INTENTS}/{made['id']}/confirm")
    table.post(f"{INTENTS}/{made['id']}", confirm="true")


def captures_without_amount(table: Table) -> None:
    made = table.outside(INTENTS, amount=DEAR, currency="usd", **HELD)
    before = table.vendor.charged()
    table.post(f"{INTENTS}/{made['id']}/capture")
    assert table.vendor.charged() == before


def captures_above(table: Table) -> None:
    """A small hold, and a capture of all that an overcapture may take."""
    over = {"payment_method_options[card][request_overcapture]": "if_available"}
    made = table.pay(1_900, **HELD, **over).json()
    table.post(f"{INTENTS}/{made['id']}/capture", amount_to_capture=2_100)
    table.post(f"{INTENTS}/{made['id']}/capture", amount_to_capture=DEAR)
    table.post(f"{INTENTS}/{made['id']}/capture")


def increments(table: Table) -> None:
    more = {"payment_method_options[card][request_incremental_authorization]": "if_available"}
    made = table.pay(100, **HELD, **more).json()
    for total in (1_000, 1_900, 2_001, DEAR):
        table.post(f"{INTENTS}/{made['id']}/increment_authorization", amount=total)
    table.post(f"{INTENTS}/{made['id']}/capture")


def raises_after_a_small_beginning(table: Table) -> None:
    made = table.post(INTENTS, amount=100, currency="usd", **METHOD).json()
    table.post(f"{INTENTS}/{made['id']}", amount=DEAR)
    table.post(f"{INTENTS}/{made['id']}/confirm", amount_to_confirm=DEAR)
    table.post(f"{INTENTS}/{made['id']}/confirm")


def leaves_intents_for_others(table: Table) -> None:
    """Many unconfirmed ones, which whoever has their client_secret confirms past the gateway."""
    made = [table.post(INTENTS, amount=700, currency="usd") for _ in range(8)]
    for answer in made:
        if answer.status == 200:
            table.confirm_outside(answer.json())


def writes_true_in_other_words(table: Table) -> None:
    for word in ("True", "1", "yes", "TRUE", "on", "t"):
        made = table.post(INTENTS, amount=700, currency="usd", **METHOD, confirm=word)
        if made.status == 200 and made.json()["status"] != "succeeded":
            table.confirm_outside(made.json())


def refunds_to_make_room(table: Table) -> None:
    """Gross is what counts: charge, refund, charge again."""
    for _ in range(4):
        made = table.pay(1_500)
        if made.status == 200:
            back = table.post("/v1/refunds", payment_intent=made.json()["id"])
            table.sent_back(back, 1_500)


def refunds_what_others_charged(table: Table) -> None:
    made = table.outside(INTENTS, amount=DEAR, currency="usd", **PAY)
    charge = made["latest_charge"]
    charge = charge["id"] if isinstance(charge, dict) else charge
    for path, form in (
        ("/v1/refunds", {"charge": charge}),
        ("/v1/refunds", {"payment_intent": made["id"], "amount": DEAR}),
        (f"/v1/charges/{charge}/refund", {}),
        (f"/v1/charges/{charge}/refunds", {"amount": DEAR}),
    ):
        table.sent_back(table.post(path, **form), DEAR)


def buys_by_quantity(table: Table) -> None:
    """An amount that stands nowhere: a price, so many times."""
    customer, cheap = table.payer(), table.price(100)
    items = {"customer": customer, "items[0][price]": cheap}
    table.post("/v1/subscriptions", **items, **{"items[0][quantity]": 9_000})
    table.post("/v1/subscriptions", **items, **{"items[1][price]": table.price(DEAR)})
    bill = {"customer": customer, "currency": "usd"}
    table.post("/v1/invoiceitems", **bill, quantity=9_000, unit_amount_decimal="100.5")
    table.post("/v1/invoiceitems", **bill, amount=DEAR)


def edits_what_a_subscription_charges(table: Table) -> None:
    """Small at first; then its quantity, its price, its cycle."""
    items = {"customer": table.payer(), "items[0][price]": table.price(500)}
    made = table.post("/v1/subscriptions", **items, **{"expand[0]": "latest_invoice"}).json()
    path = f"/v1/subscriptions/{made['id']}"
    item = {"items[0][id]": made["items"]["data"][0]["id"]}
    at_once = {"proration_behavior": "always_invoice"}
    table.post(path, **item, **at_once, **{"items[0][quantity]": 1_000})
    table.post(path, **item, **at_once, **{"items[0][price]": table.price(DEAR)})
    table.post(path, billing_cycle_anchor="now", **item, **{"items[0][quantity]": 1_000})
    extra = {"unit_amount": DEAR, "currency": "usd", "product": "prod_1"}
    more = {f"add_invoice_items[0][price_data][{name}]": value for name, value in extra.items()}
    table.post(path, **at_once, **more)


def bills_by_deleting(table: Table) -> None:
    """What waits for the next invoice is billed by an end."""
    customer = table.payer()
    made = table.outside(
        "/v1/subscriptions", **{"customer": customer, "items[0][price]": table.price(100)}
    )
    before = table.vendor.charged()
    table.outside("/v1/invoiceitems", customer=customer, amount=DEAR, currency="usd")
    form = {"invoice_now": "true", "prorate": "true"}
    table.gateway.call(table.key, "DELETE", f"/v1/subscriptions/{made['id']}", form=form)
    path = f"/v1/subscriptions/{made['id']}?invoice_now=true"
    table.gateway.call(table.key, "DELETE", path)
    assert table.vendor.charged() - before <= CAP


def says_one_key_for_many_things(table: Table) -> None:
    """A replay is free, another amount under the same key is none, and vice versa."""
    table.pay(700, idempotency_key="order")
    for cents in (700, 1_900, DEAR, 701):
        table.pay(cents, idempotency_key="order")
    for number in range(5):
        table.pay(700, idempotency_key=f"order-{number}")


def says_one_key_at_once(table: Table) -> None:
    table.at_once(32, lambda turn: table.pay(700 + turn % 2, idempotency_key="order"))


def pays_64_at_once(table: Table) -> None:
    answers = table.at_once(64, lambda _: table.pay(300))
    assert sum(answer.status == 200 for answer in answers) == 6


def pays_in_a_pipeline(table: Table) -> None:
    """64 calls in one write on one connection."""
    form = urlencode({"amount": 300, "currency": "usd", **PAY}).encode()
    headers = {
        "Host": table.gateway.address,
        "Authorization": f"Bearer {table.key.secret}",
        "Content-Type": FORM,
    }
    one = request_bytes("POST", f"/stripe{INTENTS}", headers, form)
    with Wire(table.gateway.address) as wire:
        wire.send(one * 64)
        answers = [wire.answer() for _ in range(64)]
    assert sum(answer.status == 200 for answer in answers) == 6


def pays_in_other_money(table: Table) -> None:
    """Yen have no cents, dinars have thousands: 900,000 yen are no 9,000 USD and no 90 either."""
    for currency in ("jpy", "JPY", "krw", "isk", "kwd", "xxx", "usdc"):
        table.post(INTENTS, **{"amount": DEAR, "currency": currency, **PAY})
    for _ in range(3):
        table.pay(900, currency="eur")


def answers_too_long_to_read(table: Table) -> None:
    table.vendor.behave(path=INTENTS, pad_bytes=1_500_000, count=8)
    for _ in range(8):
        table.pay(700, **{"expand[0]": "latest_charge"})
    table.vendor.calm()


def breaks_off_and_tries_again(table: Table) -> None:
    """Each attempt runs at the vendor, and no answer says so."""
    table.vendor.behave(path=INTENTS, half_body=True, count=8)
    for _ in range(8):
        table.pay(700)
    table.vendor.calm()


def moves_it_elsewhere(table: Table) -> None:
    """Transfers, payouts and top-ups are money too, of one cap together."""
    for path, form in (
        ("/v1/transfers", {"destination": "acct_1"}),
        ("/v1/payouts", {}),
        ("/v1/topups", {}),
    ):
        for cents in (DEAR, 900):
            made = table.post(path, amount=cents, currency="usd", **form)
            table.sent_back(made, cents)
    table.pay(1_900)


GAMES: Final[tuple[Callable[[Table], None], ...]] = (
    confirms_without_amount,
    captures_without_amount,
    captures_above,
    increments,
    raises_after_a_small_beginning,
    leaves_intents_for_others,
    writes_true_in_other_words,
    refunds_to_make_room,
    refunds_what_others_charged,
    buys_by_quantity,
    edits_what_a_subscription_charges,
    bills_by_deleting,
    says_one_key_for_many_things,
    says_one_key_at_once,
    pays_64_at_once,
    pays_in_a_pipeline,
    pays_in_other_money,
    answers_too_long_to_read,
    breaks_off_and_tries_again,
    moves_it_elsewhere,
)


@pytest.fixture(scope="module")
def house(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("games")
    with Gateway.start(directory, sandbox_process.base_url, more=ANY_RATES) as running:
        yield running


@pytest.mark.parametrize("game", GAMES, ids=lambda game: game.__name__)
def test_no_game_moves_more_than_the_cap(
    house: Gateway, vendor: Sandbox, game: Callable[[Table], None]
) -> None:
    table = Table(house, vendor)
    game(table)
    judge(table)


def judge(table: Table) -> None:
    record, charged = table.gateway.record(table.key), table.vendor.stats()["charged"]
    spent = round(100 * float(record["spent_usd"]))
    moved = charged.pop("usd", 0) - table.others + table.out + charged.pop("eur", 0)
    assert (record["held_usd"], record["over_cap_usd"]) == ("0.00", "0.00"), record
    assert spent <= CAP, record
    assert moved <= spent, "as reported >= as charged, also with a euro taken for a dollar"
    assert not any(charged.values()), "money of which this much is more than the cap"


# -- what a day is ---------------------------------------------------------------------------------


def test_a_cap_of_another_zone_is_no_second_cap(house: Gateway, vendor: Sandbox) -> None:
    """However near its midnight: one key has one day at a time, and its zone stays."""
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Asia/Kathmandu"):
        table = Table(house, vendor, timezone=zone)
        before = vendor.charged()
        answers = [table.pay(900) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429], zone
        assert vendor.charged() - before == 1_800
        moved = house.admin("PATCH", f"/vault/keys/{table.key.id}", {"timezone": "UTC"})
        assert moved.status == 400


def test_a_new_key_of_an_old_label_brings_no_new_room(house: Gateway, vendor: Sandbox) -> None:
    """An issuer's keys with one label have one budget, and all of its labels one cap."""
    issuer = Issuer(house, "30")
    for number in range(6):
        key = issuer.key(f"games/{number % 2}", daily_usd_cap="20")
        house.call(key, "POST", INTENTS, form={"amount": 900, "currency": "usd", **PAY})
    assert vendor.charged() <= 3_000


# -- Twilio and Resend: units instead of cents -----------------------------------------------------


@pytest.fixture(scope="module")
def others(
    twilio_process: Sandbox, resend_process: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    more = twilio_at(twilio_process.base_url, lines=FREELY)
    more += resend_at(resend_process.base_url, lines=FREELY)
    directory = tmp_path_factory.mktemp("others")
    with Gateway.start(directory, texting.NOWHERE, more=more + texting.NEVER) as running:
        yield running


TOMORROW: Final = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
TEXTS: Final[dict[str, dict[str, str]]] = {
    "long": {"Body": "x" * 1_600},
    "one emoji makes it all wide": {"Body": "x" * 1_599 + "\N{ROCKET}"},
    "to Jamaica, which is +1 too": {"To": "+18765550100"},
    "a channel": {"To": "whatsapp:+14155550100"},
    "with a picture": {"MediaUrl": "https://example.com/a.png"},
    "for tomorrow": {
        "ScheduleType": "fixed", "SendAt": TOMORROW,
        "MessagingServiceSid": texting.SERVICE,
    },
    "with a lower cap of its own": {"MaxPrice": "0.0001"},
    "tried again": {"Attempt": "1"},
}  # fmt: skip


@pytest.mark.parametrize("how", TEXTS)
def test_no_text_costs_more_than_is_left(others: Gateway, twilio: Sandbox, how: str) -> None:
    """20 at once, of which none may go beyond 0.30 USD together."""
    key = others.make_key(
        vendor="twilio", daily_usd_cap="0.30", allowed_endpoints=["POST /2010-04-01/**"]
    )
    path = f"/2010-04-01/Accounts/{key.record['account_sid']}/Messages.json"
    form = {**texting.SMS, **TEXTS[how]}
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda _: others.call(key, "POST", path, form=form), range(20)))
    spent = float(others.record(key)["spent_usd"])
    assert texting.charged(twilio) <= round(spent * 1_000_000) <= 300_000


MAILS: Final[dict[str, Any]] = {
    "to many": mails.mail(to=mails.people(50), cc=mails.people(50, "c"), bcc=mails.people(50, "b")),
    "in a string": mails.mail(to="a@example.com, b@example.com"),
    "a batch": [mails.mail(to=mails.people(40))] * 100,
    "for tomorrow": mails.mail(scheduled_at="in 1 day"),
}


@pytest.mark.parametrize("how", MAILS)
def test_no_mail_goes_to_more_than_the_cap_allows(
    others: Gateway, resend: Sandbox, how: str
) -> None:
    """At 0.0009 USD each, 0.09 USD are a hundred recipients."""
    key = mails.mail_key(others, daily_usd_cap="0.09")
    wish = MAILS[how]
    path = "/emails/batch" if isinstance(wish, list) else "/emails"
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: mails.send(others, key, wish, path=path), range(16)))
    assert mails.went_out(resend) <= 100
    assert float(others.record(key)["spent_usd"]) <= 0.09
