"""Quotes and settlements at Twilio, against its stand-in: see test_quote_bounds.py. Prices come
late here: what is pending is never worth less than its bill, and exact where nothing is hidden."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule

from tests.bounds import STEPS, Lives, given_only
from tests.house import TWILIO_SID, TWILIO_TOKEN
from tests.sandboxed import Sandboxed
from vendors.contract import Credential
from vendors.twilio.things import was_scheduled

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


def flat(form: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """A list repeats its name."""
    return [
        (name, each)
        for name, value in form.items()
        for each in (value if isinstance(value, list) else [value])
    ]


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
