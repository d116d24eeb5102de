"""No quote is below what the vendor then charges, and no settlement is: each vendor's module
against its stand-in, in process, over random lives of random objects. `tests.sandboxed` checks each
call; here are the objects and what may happen to them."""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule

from tests.house import STRIPE_SECRET, TWILIO_SID, TWILIO_TOKEN
from tests.sandboxed import Call, Sandboxed
from vendors.contract import Credential
from vendors.twilio.things import was_scheduled

STEPS: Final = settings(
    max_examples=60, stateful_step_count=15, suppress_health_check=[HealthCheck.too_slow]
)
CARDS: Final = (
    *("pm_card_visa", "pm_card_chargeDeclined", "pm_card_threeDSecure2Required"),
    *("pm_card_refundFail", "pm_card_pendingRefund"),
)
METHODS: Final = (*CARDS, "pm_usBankAccount_success")
"""A bank debit of an intent has somebody who ends it at the stand-in; a charge's has not."""
FEATURES: Final = (
    *("request_multicapture", "request_overcapture", "request_incremental_authorization"),
)

currencies = st.sampled_from(["usd", "usd", "eur", "jpy", "kwd", "isk", "JPY"])
amounts = st.one_of(st.integers(1, 40).map(lambda n: n * 100), st.integers(1, 10**7))
parts = st.one_of(st.none(), st.integers(1, 300), amounts)
"""Of what there is, or all of it, or too much."""
flags = st.sampled_from([None, "true", "false"])


def given_only(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def flat(form: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """A list repeats its name."""
    return [
        (name, each)
        for name, value in form.items()
        for each in (value if isinstance(value, list) else [value])
    ]


def made(call: Call, *names: str) -> Any:
    """The ids that an answer shows under these names, as new members of a bundle."""
    tree = call.json()
    left = tree.get("error", {}).get("payment_intent") or tree
    found = [left[name] for name in names if isinstance(left.get(name), str)]
    return multiple(*found)


class Lives(RuleBasedStateMachine):
    """Random lives of random objects, and what must be true when they are over."""

    def teardown(self) -> None:
        """Not where a step failed already: that is what is to be told."""
        if sys.exc_info()[0] is None:
            self.come_to_an_end()

    def come_to_an_end(self) -> None:
        raise NotImplementedError


class StripePayments(Lives):
    """Payment intents, charges and refunds; payers and banks act when they please."""

    intents = Bundle("intents")
    charges = Bundle("charges")
    refunds = Bundle("refunds")

    def __init__(self) -> None:
        super().__init__()
        self.stripe = Sandboxed(
            "stripe",
            STRIPE_SECRET,
            spares=["PostRefunds", "PostChargesChargeRefund", "PostChargesChargeRefunds"],
        )
        self.customer = self.stripe.direct("POST", "/v1/customers")["id"]
        self.stripe.direct(
            "POST",
            f"/v1/test_helpers/customers/{self.customer}/fund_cash_balance",
            {"amount": 5_000, "currency": "usd"},
        )

    @rule(
        target=intents,
        amount=amounts,
        currency=currencies,
        method=st.sampled_from([None, *METHODS]),
        manual=st.booleans(),
        confirm=flags,
        features=st.sets(st.sampled_from(FEATURES)),
        owned=st.booleans(),
    )
    def create_intent(
        self,
        amount: int,
        currency: str,
        method: str | None,
        manual: bool,
        confirm: str | None,
        features: set[str],
        *,
        owned: bool,
    ) -> Any:
        form = given_only(
            amount=amount,
            currency=currency,
            payment_method=method,
            capture_method="manual" if manual else None,
            confirm=confirm,
            customer=self.customer if owned else None,
        )
        options = {f"payment_method_options[card][{name}]": "if_available" for name in features}
        return made(self.stripe.call("POST", "/v1/payment_intents", form=form | options), "id")

    @rule(target=intents, amount=amounts, features=st.sets(st.sampled_from(FEATURES)))
    def hold_money(self, amount: int, features: set[str]) -> Any:
        """A card is authorised, to be captured later."""
        return self.create_intent(amount, "usd", CARDS[0], True, "true", features, owned=False)

    @rule(
        intent=intents,
        amount=parts,
        currency=st.one_of(st.none(), currencies),
        method=st.sampled_from([None, *METHODS]),
    )
    def update_intent(
        self, intent: str, amount: int | None, currency: str | None, method: str | None
    ) -> None:
        form = given_only(amount=amount, currency=currency, payment_method=method)
        self.stripe.call("POST", f"/v1/payment_intents/{intent}", form=form)

    @rule(
        target=charges,
        intent=intents,
        amount=parts,
        method=st.sampled_from([None, *METHODS]),
    )
    def confirm_intent(self, intent: str, amount: int | None, method: str | None) -> Any:
        form = given_only(amount_to_confirm=amount, payment_method=method)
        call = self.stripe.call("POST", f"/v1/payment_intents/{intent}/confirm", form=form)
        return made(call, "latest_charge")

    @rule(target=charges, intent=intents, amount=parts, final=flags)
    def capture_intent(self, intent: str, amount: int | None, final: str | None) -> Any:
        form = given_only(amount_to_capture=amount, final_capture=final)
        call = self.stripe.call("POST", f"/v1/payment_intents/{intent}/capture", form=form)
        return made(call, "latest_charge")

    @rule(intent=intents, amount=amounts)
    def increment_intent(self, intent: str, amount: int) -> None:
        path = f"/v1/payment_intents/{intent}/increment_authorization"
        self.stripe.call("POST", path, form={"amount": amount})

    @rule(intent=intents, amount=parts)
    def apply_balance(self, intent: str, amount: int | None) -> None:
        path = f"/v1/payment_intents/{intent}/apply_customer_balance"
        self.stripe.call("POST", path, form=given_only(amount=amount))

    @rule(intent=intents)
    def cancel_intent(self, intent: str) -> None:
        self.stripe.call("POST", f"/v1/payment_intents/{intent}/cancel")

    @rule(intent=intents, succeeds=st.booleans())
    def payer_acts(self, intent: str, succeeds: bool) -> None:
        self.stripe.door("payer", payment_intent=intent, succeeds=succeeds)
        self.stripe.check_covered("a payer acted")

    @rule(
        target=charges,
        amount=amounts,
        currency=currencies,
        source=st.sampled_from([name.replace("pm_card", "tok") for name in CARDS]),
        capture=flags,
    )
    def create_charge(self, amount: int, currency: str, source: str, capture: str | None) -> Any:
        form = given_only(amount=amount, currency=currency, source=source, capture=capture)
        return made(self.stripe.call("POST", "/v1/charges", form=form), "id")

    @rule(charge=charges, amount=parts)
    def capture_charge(self, charge: str, amount: int | None) -> None:
        form = given_only(amount=amount)
        self.stripe.call("POST", f"/v1/charges/{charge}/capture", form=form)

    @rule(
        target=refunds,
        charge=charges,
        amount=parts,
        path=st.sampled_from(["refunds", "charges/{}/refund", "charges/{}/refunds"]),
    )
    def refund_charge(self, charge: str, amount: int | None, path: str) -> Any:
        named = given_only(amount=amount, charge=charge if path == "refunds" else None)
        return made(self.stripe.call("POST", "/v1/" + path.format(charge), form=named), "id")

    @rule(target=refunds, intent=intents, amount=parts)
    def refund_intent(self, intent: str, amount: int | None) -> Any:
        form = given_only(payment_intent=intent, amount=amount)
        return made(self.stripe.call("POST", "/v1/refunds", form=form), "id")

    @rule(amount=amounts, currency=currencies)
    def refund_balance(self, amount: int, currency: str) -> None:
        form = {"origin": "customer_balance", "customer": self.customer}
        form |= {"amount": str(amount), "currency": currency}
        self.stripe.call("POST", "/v1/refunds", form=form)

    @rule(refund=refunds, status=st.sampled_from(["succeeded", "failed", "canceled"]))
    def refund_ends(self, refund: str, status: str) -> None:
        self.stripe.door("refund", refund=refund, status=status)

    @rule()
    def look_again(self) -> None:
        self.stripe.reread_all()

    def come_to_an_end(self) -> None:
        """Everything comes to its end at Stripe, and then in the books."""
        for object_id in list(self.stripe.books.things):
            if object_id.startswith("pi_"):
                self.stripe.door("payer", payment_intent=object_id, succeeds=True)
                self.stripe.direct("POST", f"/v1/payment_intents/{object_id}/cancel")
            else:
                self.stripe.direct("POST", f"/v1/charges/{object_id}/capture")
        self.stripe.reread_all()
        self.stripe.check_exact()


TestStripePayments = StripePayments.TestCase
TestStripePayments.settings = STEPS


BACK: Final = (*("payout_returned", "topup_returned"), *("outbound_returned", "inbound_returned"))
"""What a bank brings back, or a cancel: the books count in one direction."""


class StripeMoneyOut(Lives):
    """The merchant's own money: transfers, payouts, top-ups, fees, disputes, balances, `/v2`."""

    charges = Bundle("charges")
    transfers = Bundle("transfers")
    payouts = Bundle("payouts")
    fees = Bundle("fees")
    disputes = Bundle("disputes")
    sent = Bundle("sent")
    intents = Bundle("intents")

    def __init__(self) -> None:
        super().__init__()
        self.stripe = Sandboxed(
            "stripe",
            STRIPE_SECRET,
            headers={b"stripe-version": b"2026-10-28.endive"},
            returns=BACK,
            spares=["PostCustomersCustomerBalanceTransactions"],
        )
        self.customer = self.stripe.direct("POST", "/v1/customers")["id"]

    @rule(target=charges, amount=amounts, currency=currencies, fee=parts)
    def charge(self, amount: int, currency: str, fee: int | None) -> Any:
        form = given_only(
            amount=amount, currency=currency, source="tok_visa", application_fee_amount=fee
        )
        return made(self.stripe.call("POST", "/v1/charges", form=form), "id")

    @rule(target=fees, charge=charges)
    def fee_of(self, charge: str) -> Any:
        fee = self.stripe.ask(f"/v1/charges/{charge}")["application_fee"]
        return multiple(*filter(None, [fee]))

    @rule(
        fee=fees,
        amount=parts,
        twin=st.sampled_from(["refund", "refunds"]),
    )
    def give_fee_back(self, fee: str, amount: int | None, twin: str) -> None:
        path = f"/v1/application_fees/{fee}/{twin}"
        self.stripe.call("POST", path, form=given_only(amount=amount))

    @rule(
        target=transfers,
        amount=parts,
        currency=currencies,
        charge=st.one_of(st.none(), charges),
    )
    def transfer(self, amount: int | None, currency: str, charge: str | None) -> Any:
        form = given_only(
            amount=amount, currency=currency, destination="acct_1", source_transaction=charge
        )
        return made(self.stripe.call("POST", "/v1/transfers", form=form), "id")

    @rule(transfer=transfers, amount=parts)
    def reverse_transfer(self, transfer: str, amount: int | None) -> None:
        path = f"/v1/transfers/{transfer}/reversals"
        self.stripe.call("POST", path, form=given_only(amount=amount))

    @rule(
        target=payouts,
        amount=amounts,
        currency=st.sampled_from(["usd", "huf", "twd", "jpy"]),
        method=st.sampled_from([None, "standard", "instant"]),
    )
    def pay_out(self, amount: int, currency: str, method: str | None) -> Any:
        form = given_only(amount=amount, currency=currency, method=method)
        return made(self.stripe.call("POST", "/v1/payouts", form=form), "id")

    @rule(payout=payouts, doing=st.sampled_from(["cancel", "reverse"]))
    def change_payout(self, payout: str, doing: str) -> None:
        self.stripe.call("POST", f"/v1/payouts/{payout}/{doing}")

    @rule(payout=payouts, status=st.sampled_from(["in_transit", "paid", "failed"]))
    def bank_acts(self, payout: str, status: str) -> None:
        self.stripe.door("bank", payout=payout, status=status)

    @rule(amount=amounts, currency=currencies, cancel=st.booleans())
    def top_up(self, amount: int, currency: str, cancel: bool) -> None:
        form = {"amount": amount, "currency": currency}
        topup = self.stripe.call("POST", "/v1/topups", form=form)
        if cancel and topup.ok:
            self.stripe.call("POST", f"/v1/topups/{topup.json()['id']}/cancel")

    @rule(target=disputes, charge=charges, amount=parts)
    def payer_disputes(self, charge: str, amount: int | None) -> Any:
        dispute = self.stripe.door("dispute", charge=charge, amount=amount)
        return multiple(*([dispute["id"]] if dispute else []))

    @rule(dispute=disputes)
    def close_dispute(self, dispute: str) -> None:
        self.stripe.call("POST", f"/v1/disputes/{dispute}/close")

    @rule(charge=charges)
    def close_dispute_of(self, charge: str) -> None:
        self.stripe.call("POST", f"/v1/charges/{charge}/dispute/close")

    @rule(dispute=disputes)
    def bank_decides_for_us(self, dispute: str) -> None:
        self.stripe.door("bank", dispute=dispute, status="won")

    @rule(amount=st.one_of(amounts, amounts.map(lambda n: -n)), currency=currencies)
    def adjust_balance(self, amount: int, currency: str) -> None:
        path = f"/v1/customers/{self.customer}/balance_transactions"
        self.stripe.call("POST", path, form={"amount": amount, "currency": currency})

    @rule(
        target=sent,
        kind=st.sampled_from(["outbound_payment", "inbound_transfer"]),
        amount=amounts,
        currency=currencies,
        quoted=st.booleans(),
    )
    def send(self, kind: str, amount: int, currency: str, quoted: bool) -> Any:
        call = self._v2(f"{kind}s", amount, currency, quoted=quoted)
        return multiple(*([(kind, call.json()["id"])] if call.ok else []))

    @rule(
        target=intents,
        amount=amounts,
        currency=currencies,
        manual=st.booleans(),
    )
    def intend(self, amount: int, currency: str, manual: bool) -> Any:
        how = "manual" if manual else "automatic"
        call = self._v2("payout_intents", amount, currency, confirmation_method=how)
        return multiple(*([call.json()["id"]] if call.ok else []))

    def _v2(
        self, kind: str, amount: int, currency: str, *, quoted: bool = False, **more: str
    ) -> Call:
        value = str(amount) if quoted else amount
        flow = {"from": {"financial_account": "fa_1"}, "to": {"recipient": "acct_1"}}
        body = {"amount": {"value": value, "currency": currency}, **flow, **more}
        return self.stripe.call("POST", f"/v2/money_management/{kind}", json=body)

    @rule(intent=intents, doing=st.sampled_from(["confirm", "cancel"]))
    def change_intent(self, intent: str, doing: str) -> None:
        self.stripe.call("POST", f"/v2/money_management/payout_intents/{intent}/{doing}")

    @rule(thing=sent, ends=st.sampled_from(["cancel", "failed", "posted", "succeeded"]))
    def it_ends(self, thing: tuple[str, str], ends: str) -> None:
        kind, object_id = thing
        if ends == "cancel":
            self.stripe.call("POST", f"/v2/money_management/{kind}s/{object_id}/cancel")
        else:
            self.stripe.door("bank", **{kind: object_id, "status": ends})

    def come_to_an_end(self) -> None:
        """Payout intents that wait for a confirmation get none: a person cancels them."""
        for object_id in list(self.stripe.books.things):
            self.stripe.direct("POST", f"/v2/money_management/payout_intents/{object_id}/cancel")
        self.stripe.reread_all()
        self.stripe.check_exact()


TestStripeMoneyOut = StripeMoneyOut.TestCase
TestStripeMoneyOut.settings = STEPS


ACCOUNT: Final = f"/2010-04-01/Accounts/{TWILIO_SID}"
VERIFY: Final = f"/v2/Services/VA{'1' * 32}"
SERVICE: Final = "MG" + "1" * 32
OWN: Final = "+15005550006"
PLACES: Final = (
    *("+14155550123", "+14165550123", "+18765550123", "+18095550123", "+18005550123"),
    *("+447700900123", "+441534900123", "+4915112345678", "+33612345678", "+351912345678"),
    *("+79161234567", "+77011234567", "+88161234567", "+233201234567", "+9715012345678"),
)
ENDS: Final = ("", "30003", "30001", "30450", "30008", "30000", "40001", "40002", "40003")
"""Instead of a number's last digits: what becomes of a message, or of a call."""
TEXTS: Final = (
    *("a", "hello", "^{}[]|~", "\u20ac", "\U0001f600", "\U0001f468\u200d\U0001f469", "\u2019"),
    *("\u201cquoted\u201d", "\u2026", "\r\n", "\u00e7", "\u00c7", "\t", "\u00a0", "\u4e2d"),
)

numbers = st.builds(
    lambda place, end: place[: len(place) - len(end)] + end,
    st.sampled_from(PLACES),
    st.sampled_from(ENDS),
)
texts = st.one_of(
    st.lists(st.sampled_from(TEXTS), min_size=1, max_size=12).map("".join),
    st.builds(
        lambda text, times, rest: (text * times)[:1_500] + rest,
        st.sampled_from(TEXTS),
        st.integers(30, 400),
        st.sampled_from(TEXTS),
    ),
    st.text(min_size=1, max_size=200),
)
verified = st.sampled_from([PLACES[0], PLACES[2]])
"""Few, so that a code that was sent is checked too."""
PACKAGES: Final = ("line_type_intelligence", "caller_name", "validation", "sim_swap", "pre_fill")


class TwilioBills(Lives):
    """Messages and calls whose prices come late; Verify, Lookup and numbers, which bill at once."""

    messages = Bundle("messages")
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.twilio = Sandboxed(
            "twilio",
            f"{TWILIO_SID}:{TWILIO_TOKEN}",
            credential=Credential(TWILIO_TOKEN, TWILIO_SID),
            spares=["verify.v2.*", "lookups.*", "CreateIncomingPhoneNumber*"],
            settle_ms=60_000,
            price_ms=1_000,
            settle_fetches=None,
        )
        self.ahead_s = 0

    @rule(
        target=messages,
        to=numbers,
        text=texts,
        channel=st.sampled_from(["", "", "", "whatsapp:", "rcs:", "messenger:"]),
        more=st.fixed_dictionaries(
            {},
            optional={
                "SmartEncoded": st.sampled_from(["true", "false"]),
                "MediaUrl": st.lists(st.just("https://x.example/a.png"), max_size=2),
                "SendAsMms": st.just("true"),
                "ContentSid": st.just("HX" + "1" * 32),
                "ShortenUrls": st.just("true"),
                "FallbackFrom": st.just(OWN),
            },
        ),
        service=st.booleans(),
        ahead_s=st.one_of(st.none(), st.integers(250, 3_024_100)),
    )
    def send_message(
        self,
        to: str,
        text: str,
        channel: str,
        more: dict[str, Any],
        *,
        service: bool,
        ahead_s: int | None,
    ) -> Any:
        form = {"To": channel + to, "Body": text, **more}
        form |= {"MessagingServiceSid": SERVICE} if service else {"From": channel + OWN}
        if ahead_s is not None:
            at = time.time() + self.ahead_s + ahead_s
            form |= {"ScheduleType": "fixed", "SendAt": datetime.fromtimestamp(at, UTC).isoformat()}
        call = self.twilio.call("POST", f"{ACCOUNT}/Messages.json", form=flat(form))
        return multiple(*([call.json()["sid"]] if call.ok else []))

    @rule(message=messages, change=st.sampled_from([{"Status": "canceled"}, {"Body": ""}]))
    def change_message(self, message: str, change: dict[str, str]) -> None:
        self.twilio.call("POST", f"{ACCOUNT}/Messages/{message}.json", form=change)

    @rule(message=messages, status=st.sampled_from(["delivered", "undelivered", "failed"]))
    def carrier_says(self, message: str, status: str) -> None:
        shown = self.twilio.ask(f"{ACCOUNT}/Messages/{message}.json")
        if shown["status"] in ("queued", "accepted", "sent"):
            self.twilio.door("deliver", sid=message, status=status)

    @rule(
        target=calls,
        to=numbers,
        limit=st.one_of(st.none(), st.integers(1, 14_400)),
        words=st.sampled_from(
            [
                "<Response><Say>Hello</Say></Response>",
                "<Response><Dial>+14155550199</Dial></Response>",
                '<Response><Say voice="Polly.Joanna">Hi</Say><Record/></Response>',
            ]
        ),
        more=st.fixed_dictionaries(
            {},
            optional={
                "Record": st.sampled_from(["true", "false"]),
                "MachineDetection": st.just("Enable"),
            },
        ),
        conference=st.booleans(),
    )
    def dial(
        self, to: str, limit: int | None, words: str, more: dict[str, str], *, conference: bool
    ) -> Any:
        form = {"To": to, "From": OWN, **given_only(TimeLimit=limit), **more}
        path = f"{ACCOUNT}/Conferences/standup/Participants.json"
        if not conference:
            form, path = {**form, "Twiml": words}, f"{ACCOUNT}/Calls.json"
        call = self.twilio.call("POST", path, form=form)
        sid = call.json().get("call_sid", call.json().get("sid"))
        return multiple(*([sid] if call.ok else []))

    @rule(call=calls, status=st.sampled_from(["completed", "canceled"]))
    def end_call(self, call: str, status: str) -> None:
        self.twilio.call("POST", f"{ACCOUNT}/Calls/{call}.json", form={"Status": status})

    @rule(call=calls, seconds=st.integers(0, 20_000))
    def somebody_hangs_up(self, call: str, seconds: int) -> None:
        self.twilio.door("hangup", sid=call, seconds=seconds)

    @rule(to=verified, channel=st.sampled_from(["sms", "call", "whatsapp", "email"]))
    def verify(self, to: str, channel: str) -> None:
        form = {"To": "a@x.example" if channel == "email" else to, "Channel": channel}
        path = f"{VERIFY}/Verifications"
        self.twilio.call("POST", path, form=form, product="verify")

    @rule(to=verified, code=st.sampled_from(["123456", "654321"]))
    def check(self, to: str, code: str) -> None:
        path = f"{VERIFY}/VerificationCheck"
        self.twilio.call("POST", path, form={"To": to, "Code": code}, product="verify")

    @rule(to=verified, status=st.sampled_from(["approved", "canceled"]))
    def decide(self, to: str, status: str) -> None:
        path = f"{VERIFY}/Verifications/{to}"
        self.twilio.call("POST", path, form={"Status": status}, product="verify")

    @rule(to=numbers, packages=st.lists(st.sampled_from(PACKAGES), max_size=3))
    def look_up(self, to: str, packages: list[str]) -> None:
        query = f"Fields={','.join(packages)}" if packages else ""
        path = f"/v2/PhoneNumbers/{to}"
        self.twilio.call("GET", path, query=query, product="lookups")

    @rule(to=numbers, kinds=st.lists(st.sampled_from(["carrier", "caller-name"]), max_size=2))
    def look_up_v1(self, to: str, kinds: list[str]) -> None:
        query = "&".join(f"Type={kind}" for kind in kinds)
        self.twilio.call("GET", f"/v1/PhoneNumbers/{to}", query=query, product="lookups")

    @rule(each=st.lists(st.tuples(numbers, st.sets(st.sampled_from(PACKAGES))), max_size=3))
    def look_up_many(self, each: list[tuple[str, set[str]]]) -> None:
        asked = [{"phone_number": to, "fields": sorted(packages)} for to, packages in each]
        path = "/v2/batch/query"
        self.twilio.call("POST", path, json={"phone_numbers": asked}, product="lookups")

    @rule(
        number=st.one_of(st.none(), numbers),
        area=st.sampled_from([None, "415", "888", "416", "533"]),
        kind=st.sampled_from(["", "/Local", "/Mobile", "/TollFree"]),
    )
    def buy_number(self, number: str | None, area: str | None, kind: str) -> None:
        form = given_only(PhoneNumber=number, AreaCode=area)
        self.twilio.call("POST", f"{ACCOUNT}/IncomingPhoneNumbers{kind}.json", form=form)

    @rule(seconds=st.sampled_from([30, 61, 400, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.ahead_s += seconds
        self.twilio.door("advance", seconds=seconds)
        self.twilio.check_covered("time passed")
        self.twilio.reread_all()

    def come_to_an_end(self) -> None:
        """Everything is over and priced, and no message and no call was booked below its bill."""
        self.time_passes(40 * 86_400)
        assert not self.twilio.books.things
        bills: dict[str, Counter[str]] = defaultdict(Counter)
        for moved in self.twilio.log:
            bills[moved.subject["id"]][moved.kind] += moved.amount
        for object_id, booked in self.twilio.books.ended.items():
            sid, _, hidden = object_id.partition("+")
            bill = bills[sid]
            assert booked >= bill.total(), (object_id, booked, bill)
            if not hidden and not self._adds_to(sid):
                assert booked == bill.total(), (object_id, booked, bill)

    def _adds_to(self, sid: str) -> bool:
        """Does the table add to a message's price what no answer shows: carriers, scheduling?"""
        if sid.startswith("CA"):
            return False
        shown = self.twilio.ask(f"{ACCOUNT}/Messages/{sid}.json")
        number = shown["to"].rpartition(":")[2]
        return (
            number.startswith(("+1", "+88"))
            or shown["to"].startswith("messenger:")
            or was_scheduled(shown)
        )


TestTwilioBills = TwilioBills.TestCase
TestTwilioBills.settings = STEPS
