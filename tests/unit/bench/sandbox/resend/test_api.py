"""The door: any request gets an answer in Resend's shape, and sends nothing unless it says so."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.sandbox.resend.api import ResendApi
from bench.sandbox.resend.routes import ENDPOINTS
from bench.sandbox.wire import Answer, Request

HEAD = [(b"user-agent", b"x"), (b"authorization", b"Bearer re_unit_1234")]


def api() -> ResendApi:
    return ResendApi([], keep=100, log=lambda kind, subject, amount: None)


def ask(door: ResendApi, method: str, path: str, body: bytes = b"", query: str = "") -> Answer:
    begun = door.begin(Request(method, path, query, HEAD, body))
    return begun if isinstance(begun, Answer) else begun.execute()


NAMES = [
    "attachments", "contact_id", "domain_id", "email", "event", "event_name", "from", "id", "name",
    "permission", "scheduled_at", "segment_id", "segments", "send", "steps", "subject",
    "subscription", "to", "topic_id", "topics", "config", "type",
]  # fmt: skip
LEAF = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["a@b.co", "x", ""])
JSON = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=8,
)


def furnished(door: ResendApi) -> dict[str, str]:
    """One of each kind, so that ids in paths and bodies lead somewhere: path -> id."""
    made = {}
    for path, data in (
        ("/segments", {"name": "S"}),
        ("/contacts", {"email": "a@b.co"}),
        ("/topics", {"name": "T"}),
        ("/automations", {"name": "A", "steps": [{"type": "x"}], "status": "enabled"}),
        ("/templates", {"name": "T"}),
        ("/domains", {"name": "b.co"}),
    ):
        answer = ask(door, "POST", path, orjson.dumps(data))
        made[path] = orjson.loads(answer.body)["id"]
    segment = made["/segments"]
    data = {"segment_id": segment, "from": "a@b.co", "subject": "x"}
    made["/broadcasts"] = orjson.loads(ask(door, "POST", "/broadcasts", orjson.dumps(data)).body)[
        "id"
    ]
    mail = {"from": "a@b.co", "to": "a@b.co", "subject": "x", "text": "x", "scheduled_at": "in 1 h"}
    made["/emails"] = orjson.loads(ask(door, "POST", "/emails", orjson.dumps(mail)).body)["id"]
    return made


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(sorted(ENDPOINTS)),
    JSON.map(orjson.dumps) | st.binary(max_size=30),
    st.dictionaries(st.sampled_from(NAMES), JSON),
    st.sampled_from(["", "limit=0", "limit=x", "after=1", "before=1&after=2", "limit=%ff"]),
)
def test_any_request_gets_an_answer(
    name: str, body: bytes, well: dict[str, Any], query: str
) -> None:
    """Twice: with any body at all, and with one that has what is needed and anything beside it."""
    door = api()
    made = furnished(door)
    method, _, pattern = name.partition(" ")
    path = pattern.replace("*", made.get("/" + pattern.split("/")[1], "x"), 1)
    path = path.replace("*", made["/segments"])
    needed = {"name": "N", "email": "a@b.co", "event": "E", "endpoint": "https://b.co"}
    mail = {"from": "a@b.co", "to": "a@b.co", "subject": "x", "text": "x"}
    ids = {"segment_id": made["/segments"], "topic_id": made["/topics"]}
    for data in (body, orjson.dumps({**needed, **mail, **ids, **well})):
        answer = ask(door, method, path, data, query)
        read: Any = orjson.loads(answer.body)
        if answer.status >= 400:
            assert read.keys() == {"statusCode", "name", "message"}


@pytest.mark.parametrize("secret", ["sk_test_x", "re_", "re_abcdef:admin", ""])
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(ValueError, match="a Resend secret") as caught:
        ResendApi([secret], keep=1, log=lambda kind, subject, amount: None)
    assert "abcdef" not in str(caught.value)


def test_memory_is_bounded() -> None:
    door = api()
    mail = orjson.dumps({"from": "a@b.co", "to": "c@d.co", "subject": "s", "text": "t"})
    for _ in range(120):
        assert ask(door, "POST", "/emails", mail).status == 200
    world = door.worlds[0]
    assert (len(world.tables["email"]), len(world.sent), world.counts.mails) == (100, 100, 120)
