"""Whatever a vendor answers: the caller gets it whole or is told, the books count what may have
been charged, the credential stays inside, and the next caller gets its own answer.

The answers are data (`tests/answers/*.json`), told byte for byte by a raw vendor to a real gateway;
what must be true of each stands beside it. All are run at once, many at a time, and then judged one
by one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from tests.answers.corpus import HERE, Entry, cases, entries, marks_of
from tests.answers.lanes import SLOW, Seen, run_all, secret_of, sections
from tests.answers.vendor import RawVendor
from tests.house import Gateway
from tests.speaker import artefacts, until

LANES: Final = 16
ROW: Final = re.compile(r"\| `(\w+)\.json` \|.*\| (\d+) \| (\d+) \|")
NOTHING_SENT: Final = "vendor_unreachable"

KNOWN: Final = marks_of("c00000x", secret_of("stripe", 0))
"""As long as those of any case."""


def honest_answer(name: bytes) -> bytes:
    """What a vendor in good order says, by which each call knows its own answer. Good for all of
    our vendors."""
    id_of = name.decode()
    body = json.dumps(
        {
            "id": f"pi_{id_of}", "object": "payment_intent", "status": "succeeded",
            "currency": "usd", "amount": 1200, "amount_received": 1200, "amount_capturable": 0,
            "livemode": False,
        }
    ).encode()  # fmt: skip
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


@pytest.fixture(scope="module")
def vendor() -> Iterator[RawVendor]:
    made = RawVendor(honest_answer)
    yield made
    made.close()
    assert not made.failures
    assert not made.strangers


@pytest.fixture(scope="module")
def house(vendor: RawVendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    more, env = sections(vendor.url, LANES)
    directory = tmp_path_factory.mktemp("answers")
    with Gateway.start(directory, vendor.url, stripe=SLOW, more=more, env=env) as running:
        yield running


@pytest.fixture(scope="module")
def seen(house: Gateway, vendor: RawVendor) -> Mapping[str, list[Seen]]:
    """By the name of its entry. Those that wait for a deadline come first."""
    todo = [case for entry in entries() for case in cases(entry, KNOWN)]
    todo.sort(key=lambda case: case.entry.told.get("status") != 504)
    found: dict[str, list[Seen]] = {}
    for one in run_all(house, vendor, todo, LANES):
        found.setdefault(one.case.entry.name, []).append(one)
    return found


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_an_answer(seen: Mapping[str, list[Seen]], vendor: RawVendor, entry: Entry) -> None:
    for one in seen[entry.name]:
        judge_caller(one)
        judge_books(one)
        judge_connection(one, vendor)


def judge_caller(one: Seen) -> None:
    want, told, name = one.case.entry.told, one.told, one.case.name
    assert told.status == want["status"], (name, told.status, told.body[:300])
    code = want.get("code")
    if code is not None:
        assert told.code == code, (name, told)
        if code != NOTHING_SENT:
            assert json.loads(told.body)["in_doubt"] is (want["books"] == "in_doubt"), (name, told)
    assert told.whole is want.get("whole", True), (name, told.raw[:300], len(told.raw))
    for text in want.get("has", ()):
        assert text.encode() in told.body, (name, told.body[:300])
    for header, value in want.get("headers", {}).items():
        assert told.header(header) == value, (name, told.headers)
    names = [header for header, _ in told.headers]
    for header in want.get("without", ()):
        assert header not in names, (name, told.headers)
    assert len(set(names)) == len(names), (name, "a header twice", names)
    judge_echo(one)


def judge_echo(one: Seen) -> None:
    """Not one form of the credential, whatever was said."""
    for form, needle in one.marks.items():
        if form.startswith("secret") or form == "basic":
            assert needle not in one.told.raw, (one.case.name, form)
            assert needle not in one.next_told.raw, (one.case.name, form)


def judge_books(one: Seen) -> None:
    want, name = one.case.entry.told, one.case.name
    kind = want["books"]
    counted = {} if kind in ("released", "nothing") else {kind: want.get("usd", "12.00")}
    assert one.books == counted, (name, one.books, one.told.body[:300])
    assert one.requests == 1, (name, "one request in, at most one out")


def judge_connection(one: Seen, vendor: RawVendor) -> None:
    """Used again only in good order, and closed otherwise; and the call behind it, under another
    key, got an answer of its own."""
    want, name, after = one.case.entry.told, one.case.name, one.next_told
    assert after.status == 200, (name, after.raw[:300])
    assert json.loads(after.body)["id"] == f"pi_{one.next_name}", (name, after.body)
    assert one.same is (want["pool"] == "kept"), (name, "the same connection?", one.same)
    if not one.same:
        until(lambda: one.connection in vendor.ended)


def test_their_readme_counts_them() -> None:
    rows = ROW.findall((HERE / "README.md").read_text())
    told = {name: (int(count), int(of_them)) for name, count, of_them in rows}
    found: dict[str, tuple[int, int]] = {}
    for entry in entries():
        count, of_them = found.get(entry.file, (0, 0))
        found[entry.file] = count + 1, of_them + len(cases(entry, KNOWN))
    assert told == found


def test_what_was_kept_of_it_all(
    seen: Mapping[str, list[Seen]], house: Gateway, vendor: RawVendor
) -> None:
    """The books hold together, and no file has a credential in it."""
    assert len(seen) == len(entries())
    assert house.stop() == 0
    verified = house.run("ledger", "verify")
    assert verified.returncode == 0, verified.stderr
    needles = [
        secret_of(name, lane) for name in ("stripe", "twilio", "resend") for lane in range(LANES)
    ]
    for path, data in artefacts(house.directory).items():
        for needle in needles:
            assert needle.encode() not in data, path
