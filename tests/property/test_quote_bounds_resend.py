"""Quotes and settlements at Resend, against its stand-in: see test_quote_bounds.py."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, multiple, rule

from tests.bounds import STEPS, Lives, given_only
from tests.house import RESEND_SECRET
from tests.sandboxed import Sandboxed

DAY_S: Final = 86_400
ADDRESSES: Final = (
    *("a@x.example", "Bob <b@x.example>", '"C, D" <c@x.example>', "delivered@resend.dev"),
    *("bounced@resend.dev", "gone@x.example"),
)
GONE: Final = "gone@x.example"
"""Has left the one topic that there is."""

addresses = st.one_of(
    st.sampled_from(ADDRESSES),
    st.lists(st.sampled_from(ADDRESSES), max_size=6),
    st.lists(st.sampled_from(ADDRESSES), min_size=45, max_size=52),
)
moments = st.sampled_from([None, None, "in 1 hour", "in 2 days", "tomorrow at 9am", "in 40 days"])


@st.composite
def mails(draw: st.DrawFn) -> dict[str, Any]:
    """Most of them such as Resend sends."""
    mail = {"from": "Acme <acme@x.example>", "to": draw(addresses), "subject": "s", "text": "t"}
    mail |= given_only(
        cc=draw(st.one_of(st.none(), addresses)),
        bcc=draw(st.one_of(st.none(), addresses)),
        reply_to=draw(st.sampled_from([None, "r@x.example"])),
        scheduled_at=draw(moments),
    )
    for name in draw(st.sets(st.sampled_from(["from", "subject"]), max_size=1)):
        if draw(st.integers(0, 9)) == 0:
            del mail[name]
    return mail


class ResendMails(Lives):
    """Mails and batches, now and later; broadcasts to whoever is in a segment by then."""

    scheduled = Bundle("scheduled")
    drafts = Bundle("drafts")

    def __init__(self) -> None:
        super().__init__()
        self.resend = Sandboxed(
            "resend",
            RESEND_SECRET,
            headers={b"user-agent": b"tests"},
            spares=["emails/send*", "broadcasts/*"],
        )
        self.segment = self.made("/segments", name="all")
        self.topic = self.made("/topics", name="news", default_subscription="opt_in")
        self.exact = True

    def made(self, path: str, **members: Any) -> str:
        """By a free operation."""
        call = self.resend.call("POST", path, json=members)
        assert call.ok, call
        return str(call.json()["id"])

    @rule(target=scheduled, mail=mails(), topical=st.booleans())
    def send(self, mail: dict[str, Any], *, topical: bool) -> Any:
        if topical:
            mail, self.exact = {**mail, "topic_id": self.topic}, False
        call = self.resend.call("POST", "/emails", json=mail)
        return multiple(*([call.json()["id"]] if call.ok and "scheduled_at" in mail else []))

    @rule(
        target=scheduled,
        batch=st.lists(mails(), max_size=4),
        mode=st.sampled_from([None, "strict", "permissive"]),
    )
    def send_batch(self, batch: list[dict[str, Any]], mode: str | None) -> Any:
        headers = {} if mode is None else {b"x-batch-validation": mode.encode()}
        call = self.resend.call("POST", "/emails/batch", json=batch, headers=headers)
        return multiple(*(mail["id"] for mail in call.json()["data"]) if call.ok else ())

    @rule(mail=scheduled)
    def cancel(self, mail: str) -> None:
        """A batch's mails are not remembered one by one: what it counted stays."""
        self.exact = self.exact and mail in self.resend.books.things
        self.resend.call("POST", f"/emails/{mail}/cancel")

    @rule(mail=scheduled, moment=moments)
    def move(self, mail: str, moment: str | None) -> None:
        self.resend.call("PATCH", f"/emails/{mail}", json=given_only(scheduled_at=moment))

    @rule(
        address=st.sampled_from(["a@x.example", "b@x.example", "c@x.example", GONE]),
        unsubscribed=st.booleans(),
    )
    def join(self, address: str, *, unsubscribed: bool) -> None:
        contact = {"email": address, "unsubscribed": unsubscribed}
        path = f"/audiences/{self.segment}/contacts"
        call = self.resend.call("POST", path, json=contact)
        self.exact = self.exact and not unsubscribed
        if call.ok and address == GONE:
            left = [{"id": self.topic, "subscription": "opt_out"}]
            self.resend.call("PATCH", f"/contacts/{call.json()['id']}/topics", json=left)

    @rule(
        target=drafts,
        send=st.sampled_from([None, True, False]),
        moment=moments,
        topical=st.booleans(),
    )
    def broadcast(self, send: bool | None, moment: str | None, *, topical: bool) -> Any:
        body = {"from": "acme@x.example", "subject": "s", "text": "t", "segment_id": self.segment}
        body |= given_only(send=send, scheduled_at=moment, topic_id=self.topic if topical else None)
        self.exact = self.exact and not topical
        call = self.resend.call("POST", "/broadcasts", json=body)
        return multiple(*([call.json()["id"]] if call.ok else []))

    @rule(draft=drafts, moment=moments)
    def send_draft(self, draft: str, moment: str | None) -> None:
        path = f"/broadcasts/{draft}/send"
        self.resend.call("POST", path, json=given_only(scheduled_at=moment))

    @rule(daily=st.sampled_from([None, 5, 60]))
    def limit(self, daily: int | None) -> None:
        self.resend.door("limits", daily=daily)

    @rule(seconds=st.sampled_from([60, 4_000, DAY_S, 3 * DAY_S]))
    def time_passes(self, seconds: int) -> None:
        self.resend.door("advance", seconds=seconds)
        self.resend.standin.stats()
        self.resend.check_covered("time passed")
        self.resend.reread_all()

    def come_to_an_end(self) -> None:
        """What was scheduled has gone out, or never will."""
        self.time_passes(41 * DAY_S)
        books = self.resend.books
        assert not books.things
        if self.exact:
            assert books.counted == self.resend.moved_micros, (books, self.resend.calls)


TestResendMails = ResendMails.TestCase
TestResendMails.settings = STEPS
