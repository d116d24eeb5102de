"""The corpus through HAProxy and nginx, as deploy/ ships them, in front of the gateway; and with
them behind it, as the vendors.

What a balancer reads in another way than we do, we refuse: where the gates read an entry as whole
requests, each balancer passes on just these or fewer. Whatever it makes of the others, at most the
requests that it passed on reach a vendor, and only such as the key may make. No answer goes to
anybody else, neither on the attacker's connection nor on those of honest callers beside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.corpus.behind import haproxy_behind, nginx_behind
from tests.corpus.caller import Heard, Manner, make_words, nonce_of, run, send_all
from tests.corpus.entries import SAMPLE, Entry, filled
from tests.corpus.mutants import gates_of, reading
from tests.corpus.recorder import VENDORS, Recorder, Seen
from tests.corpus.stage import NUMBERED, complaints, gateway_before
from tests.corpus.tap import Passed, Tap
from tests.corpus.through import Round, attack
from tests.house import TWILIO_SID, Gateway
from tests.integration.balancers import haproxy, nginx
from tests.speaker import until

TRUSTED: Final = 'trusted_proxies = ["127.0.0.1"]'
FRONTS: Final = ("haproxy", "nginx")
_ESCAPE: Final = re.compile(r"%(2[Bb]|40|3[Aa])")
_NARROW: Final = re.compile(
    r"GET /v1/customers/[A-Za-z0-9_.~@+:,-]+(\?.*)?|POST /v1/payment_intents(\?.*)?"
    r"|POST /2010-04-01/Accounts/AC7{32}/Messages\.json(\?.*)?|POST /emails(/batch)?"
)
_NARROW_KEYS: Final = ("⟦KEY⟧", "⟦SMS⟧", "⟦MAIL⟧")
_ACCOUNT: Final = re.compile("AC[0-9]{32}")
PASSED_MIN: Final = 600
"""Entries that either balancer passes on, and honest requests behind one; and of those that
we refuse by their framing a sixth as many."""
READ_LEN: Final = 4
"""What a request is told by is longer than that, a refusal is shorter."""


@dataclass(frozen=True, slots=True)
class Run:
    """The corpus went through one balancer. passed, seen: by nonce."""

    words: Mapping[str, str]
    round: Round
    passed: Mapping[str, list[Passed]]
    seen: Mapping[str, list[Seen]]
    broken: list[str]


@pytest.fixture(scope="module", params=FRONTS)
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        tape = stack.enter_context(Recorder())
        bases = map(tape.base_url, VENDORS)
        gateway = stack.enter_context(gateway_before(directory, *bases, server=TRUSTED))
        tap = stack.enter_context(Tap(gateway.address))
        if request.param == "haproxy":
            balancer = stack.enter_context(haproxy(directory, [tap.address, tap.address]))
            balancer.until("gw1", "UP")
            address = balancer.address
        else:
            address = stack.enter_context(nginx(directory, tap.address))
        words = make_words(gateway)
        told = run(lambda: attack(address, NUMBERED, words))
        seen = tape.by_nonce()  # first: what is passed on meanwhile is in the other alone
        yield Run(words, told, tap.passed(), seen, tape.broken)


def of(run: Run, number: int) -> tuple[list[Passed], list[Seen]]:
    nonce = nonce_of(number, Manner.GLUED)
    return run.passed.get(nonce, []), run.seen.get(nonce, [])


def test_nobody_gets_an_answer_that_is_not_his(front: Run) -> None:
    assert front.round.mixed_up == []
    assert min(front.round.neighbours) > 0
    assert front.round.served >= PASSED_MIN


def test_what_a_balancer_reads_in_another_way_we_refuse(front: Run) -> None:
    gates = gates_of(None)
    found = []
    all_passed = refused = 0
    for number, entry in NUMBERED:
        ours = reading(gates, entry.raw({**front.words, "NONCE": nonce_of(number, Manner.GLUED)}))
        passed, _ = of(front, number)
        all_passed += bool(passed)
        if any(len(told) < READ_LEN or told[-1] for told in ours):
            refused += bool(passed)
            continue  # refused, or not whole: what is glued behind belongs to it
        read = [(told[0], told[1], told[-2]) for told in ours]
        theirs = [(one.method, one.target, one.body) for one in passed if one.whole]
        if Counter(theirs) - Counter(read):
            found.append(f"{entry.id}: {theirs!r:.500}, not {read!r:.500}")
    assert found == []
    assert all_passed >= PASSED_MIN
    assert refused >= PASSED_MIN // 6, "a balancer is lenient where we are not"


def test_a_vendor_sees_at_most_what_was_passed_on(front: Run) -> None:
    found = []
    for number, entry in NUMBERED:
        passed, seen = of(front, number)
        lines = Counter(f"{one.method} {_vendors(one.target)}" for one in passed if one.whole)
        if more := Counter(one.line for one in seen) - lines:
            found.append(f"{entry.id}: {more} where {lines} was passed on")
    assert (found, front.broken) == ([], [])


def test_a_vendor_sees_only_what_the_key_may_do(front: Run) -> None:
    found = []
    for number, entry in NUMBERED:
        narrow = any(key in entry.text for key in _NARROW_KEYS)
        _, seen = of(front, number)
        found += [
            f"{entry.id}: {one.line}"
            for one in seen
            if one.line not in _expected(entry) and not (narrow and _NARROW.fullmatch(one.line))
        ]
    assert found == []


def _expected(entry: Entry) -> list[str]:
    return [filled(line, SAMPLE) for line in entry.vendor]


def _vendors(target: str) -> str:
    """Our path as the vendor gets it."""
    path, mark, query = target.partition("?")
    for vendor in VENDORS:
        path = path.removeprefix(f"/{vendor}") if path.startswith(f"/{vendor}/") else path
    path = _ACCOUNT.sub(TWILIO_SID, path)
    plain = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1]).decode(), path)
    return plain + (mark + query if query else "")


# ── behind the gateway ──────────────────────────────────────────────────────────────────────────


def sent_by(gateway: Gateway, vendor: str) -> int:
    """How many requests to a vendor the gateway says it sent."""
    page = gateway.request("GET", "/metrics").body.decode()
    pattern = rf'^keybrake_vendor_requests_total{{[^}}]*vendor="{vendor}"[^}}]*}} ([0-9]+)$'
    return sum(int(count) for count in re.findall(pattern, page, re.MULTILINE))


def test_a_proxy_that_is_the_vendor_sees_as_many_requests_as_we_say(tmp_path: Path) -> None:
    """nginx is Stripe, HAProxy Twilio and Resend, and the tape stands behind them: one that cut our
    bytes elsewhere would see more, or something else."""
    with ExitStack() as stack:
        tape = stack.enter_context(Recorder())
        ports = tape.ports
        stripe = stack.enter_context(nginx_behind(tmp_path, ports["stripe"]))
        others = stack.enter_context(haproxy_behind(tmp_path, [ports["twilio"], ports["resend"]]))
        bases = [f"http://{address}" for address in (stripe.address, *others.addresses)]
        gateway = stack.enter_context(gateway_before(tmp_path, *bases))
        words = make_words(gateway)
        heard = run(lambda: send_all(gateway.address, NUMBERED, words, Manner.WHOLE))
        seen = tape.by_nonce()
        found = _all_complaints(NUMBERED, heard, seen, words)
        said = {vendor: sent_by(gateway, vendor) for vendor in VENDORS}
        assert found == []
        assert tape.broken == []
        assert dict(tape.counts()) == said
        until(stripe.count, lambda count: count >= said["stripe"])
        assert stripe.count() == said["stripe"]
        assert stripe.others() <= {"400", "499"}
        assert others.counts() == [said["twilio"], said["resend"]]


def _all_complaints(
    entries: Sequence[tuple[int, Entry]],
    heard: Mapping[str, Heard],
    seen: Mapping[str, list[Seen]],
    words: Mapping[str, str],
) -> list[str]:
    return [
        f"{entry.id}: {complaint}"
        for number, entry in entries
        for complaint in complaints(
            number,
            entry,
            Manner.WHOLE,
            heard[entry.id],
            seen.get(nonce_of(number, Manner.WHOLE), []),
            words,
        )
    ]
