"""One ledger directory through a number of kills, and what must be true after each of them.

    calls        a crowd on keys of several kinds: a wide cap, one that is reached, and three keys
                 of one issuer whose shared cap is reached; vendor faults, retries
    a kill       at a random moment, or at a named point of `launcher.POINTS`, also in a start
    on disk      the journals verify; replayed, no budget is above its cap
    a start      what was open is in doubt; each key's books show at least what the vendor charged
                 on it, at most what the answers leave possible, and never more than the cap; an
                 issuer's are the sum of its keys'
    retries      half of the callers that got no answer ask again under their Idempotency-Keys, and
                 whatever the kill had left of the call, it is charged once and counted once
    the end      the audit log is lost and made again; what is in doubt is looked up at the vendor,
                 and then each key has settled exactly what was charged

Nothing here waits for a time. Every choice comes from one seed; which call a kill falls on does
not.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from bench.sandbox.launch import Sandbox
from ledger import HoldState, LedgerRefused
from ledger.journal import LINGER_S
from ledger.layout import open_layout
from ledger.replay import recover
from ledger.verify import walk
from tests.crash.crowd import Broken, Call, Crowd, Cut, broken_off, retry, tell
from tests.crash.forked import ForkedGateway
from tests.crash.kills import KILLED, Tally, audit, lose_audit, verified
from tests.crash.launcher import POINTS
from tests.house import STRIPE_SECRET, GatewayEnded, VaultKey, stripe_at
from tests.ledgers import settings_in
from tests.wishes import ENDPOINTS, in_cents, taken

PATH: Final = "/v1/*"
WIDE_USD: Final = 50_000
NARROW_USD: Final = 100
ISSUED_USD: Final = 80
ISSUER_USD: Final = 150
ISSUED: Final = 3
AUDIT_EVERY: Final = 4
CLI_EVERY: Final = 8
FRESH_EVERY: Final = 7
"""Kills between two looks at the whole audit log, two verifies by the command line, and two starts
of a process of its own."""
AT_ONCE: Final = """
[reconciler]
listing_gap_s = 0
calls_per_second_max = 1000
"""
LOOKS: Final = 10
"""At the end of a life. A look reads up to 500 events."""
IN_CALLS: Final = tuple(islice(POINTS, list(POINTS).index("before the checkpoint")))
IN_CHECKPOINTS: Final = tuple(
    point for point in POINTS if "checkpoint" in point or "slice" in point or "archive" in point
)
IN_STARTS: Final = tuple(
    point for point in POINTS if "replayed" in point or point == "open holds are in doubt"
)


@dataclass(slots=True)
class Told:
    """What happened, for the report."""

    counts: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class OnDisk:
    """What a replay finds after a kill. open, in_doubt: so many holds."""

    open: int
    in_doubt: int
    entries: int


def bad_day(dice: random.Random) -> list[dict[str, Any]]:
    """Faults of the vendor's, each for a few calls; the last one makes all others slower."""
    kinds: list[dict[str, Any]] = [
        {"drop": True},
        {"drop_before_executing": True},
        {"half_body": True},
        {"status": 500, "execute": True},
        {"status": 409},
    ]
    few = [
        {"path": PATH, "method": "POST", "after": dice.randrange(60), "count": 2, **kind}
        for kind in kinds
    ]
    return [*few, {"path": PATH, "count": None, "latency_ms": dice.choice((0, 0, 2, 8))}]


class NightFell(Exception):
    """A new day's budgets began, and this life knows the day's before only: no verdict."""


class Life:
    """directory: empty. The vendor is reset. linger_s: of the journal."""

    def __init__(
        self,
        directory: Path,
        vendor: Sandbox,
        dice: random.Random,
        told: Told,
        *,
        linger_s: float = LINGER_S,
    ) -> None:
        self._vendor = vendor
        self._dice = dice
        self._told = told
        self._tallies: dict[str, Tally] = {}
        self._issuers: dict[str, list[str]] = {}
        self._charged: Counter[str] = Counter()
        self._undone: Counter[str] = Counter()
        self._newest = self._day = ""
        self._kills = 0
        vendor.reset()
        self._gateway = ForkedGateway(directory, {}, linger_s=linger_s)
        self._gateway.env = {
            "KEYBRAKE__LEDGER__CHECKPOINT_ENTRIES": "100",
            "KEYBRAKE__RECONCILER__DOUBT_FIRST_LOOK_S": "3600",  # not while books are compared
        }

    def run(self, kills: int) -> None:
        """Raises AssertionError for a promise that is broken; NightFell."""
        with self._gateway as gateway:
            gateway.begin(stripe_at(self._vendor.base_url) + AT_ONCE)
            wide = self._new_key(WIDE_USD)
            for _ in range(kills):
                self._cycle(wide)
            self._end()

    # -- one kill ------------------------------------------------------------------------------

    def _cycle(self, wide: VaultKey) -> None:
        keys = [wide, wide, self._new_key(NARROW_USD), *self._issue()]
        self._vendor.control("POST", "behave", bad_day(self._dice))
        told = self._crowd(keys)
        self._kills += 1
        cut_off = self._after_the_kill(told)
        disk = self._look_at_disk()
        self._start_again()
        self._check(disk)
        self._vendor.calm()
        self._ask_again(cut_off)
        self._check(None)
        self._take_as_known()
        self._told.counts["cycles"] += 1

    def _crowd(self, keys: Sequence[VaultKey]) -> list[list[Call]]:
        """Calls until the gateway is dead. In two of three cases it has a fuse in it."""
        kind = self._dice.choice(("at a moment", "in a call", "in a checkpoint"))
        cut = Cut(self._dice.randint(1, 300), at_answer=self._dice.random() < 0.5)
        where = f"at the nth {'answer' if cut.at_answer else 'call'}"
        if kind != "at a moment":
            points, most = (IN_CALLS, 100) if kind == "in a call" else (IN_CHECKPOINTS, 3)
            where = self._dice.choice(points)
            self._light(where, self._dice.randint(1, most))
        if self._gateway.running:
            crowd = Crowd(self._gateway, self._dice, cut)
            told = asyncio.run(crowd.run(keys, self._dice.randint(8, 24)))
            assert self._gateway.wait() == KILLED
            self._told.kills["at the cut" if crowd.killed else where] += 1
        else:
            told = []
            self._told.kills[where] += 1
        for calls in told:
            for call in calls:
                self._told.statuses[f"{call.status} {call.error}".strip()] += 1
                self._told.counts["calls sent again"] += call.again
        return told

    def _light(self, point: str, nth: int) -> None:
        """A new start with a fuse in it, which may burn at once."""
        assert self._gateway.stop() == 0
        self._gateway.fuse = point, nth
        self._restart()
        self._gateway.fuse = None

    def _restart(self) -> bool:
        try:
            self._gateway.restart()
        except GatewayEnded as exc:
            if exc.code != KILLED:
                raise
        return self._gateway.running

    def _start_again(self) -> None:
        """Now and then the start is killed as well."""
        while self._dice.random() < 0.1:
            self._gateway.fuse = self._dice.choice(IN_STARTS), self._dice.randint(1, 5)
            point = self._gateway.fuse[0]
            if self._restart():
                self._gateway.kill()
                point = "right after a start"
            self._told.kills[point] += 1
            self._gateway.fuse = None
            self._look_at_disk()
        self._gateway.fresh = self._kills % FRESH_EVERY == 0
        self._gateway.restart()
        self._told.counts["starts of a process of its own"] += self._gateway.fresh
        self._gateway.fresh = False

    # -- keys ----------------------------------------------------------------------------------

    def _new_key(self, cap_usd: int, **terms: Any) -> VaultKey:
        key = self._gateway.make_key(
            daily_usd_cap=str(cap_usd), allowed_endpoints=list(ENDPOINTS), **terms
        )
        self._tallies[key.id] = Tally()
        return key

    def _issue(self) -> list[VaultKey]:
        """Keys that may spend more together than their issuer."""
        template = {
            "vendors": ["stripe"],
            "allowed_endpoints": list(ENDPOINTS),
            "daily_usd_cap_max": str(ISSUED_USD),
        }
        body: dict[str, Any] = {"daily_usd_cap": str(ISSUER_USD), "template": template}
        answer = self._gateway.admin("POST", "/vault/issuers", body)
        assert answer.status == 201, answer
        issuer = answer.json()
        made = [
            self._new_key(ISSUED_USD, bearer=issuer["key"], agent_run_label=f"cycle/{n}")
            for n in range(ISSUED)
        ]
        self._issuers[issuer["id"]] = [key.id for key in made]
        return made

    # -- what is known -------------------------------------------------------------------------

    def _after_the_kill(self, told: Sequence[Sequence[Call]]) -> list[Broken]:
        """What the callers know, and what they cannot know, goes into the tallies."""
        cut_off = [broken_off(calls) for calls in told]
        for calls, broken in zip(told, cut_off, strict=True):
            tally = self._tallies[broken.key.id]
            tell(tally, calls)
            tally.may_count(broken.over_count)
            tally.may_be_paid(broken.paid)
        return cut_off

    def _ask_again(self, cut_off: Sequence[Broken]) -> None:
        """Half of those that got no answer. Each has one then, if only a 500 that the vendor has
        stored. One that is declined, and was in doubt, stays so: the refusal may be the retry's
        alone. What one gives back may come back with the next kill: its ending is on its way to
        the disk."""
        self._undone.clear()
        some = [b for b in cut_off if b.call is not None and self._dice.random() < 0.5]
        asyncio.run(retry(self._gateway, [b.call for b in some if b.call is not None]))
        for broken in some:
            call, tally = broken.call, self._tallies[broken.key.id]
            assert call is not None
            assert call.status in (200, 402, 429, 500), call
            self._told.counts["retries after a kill"] += 1
            if call.again:
                assert call.status == 200, call
                continue
            self._undone[broken.key.id] += call.undone
            tally.least += call.counted
            tally.most += broken.undone - broken.over_count
            tally.most += call.cents if call.status != 429 else 0
            tally.paid_least += call.wish.charged_at_least(call.status)
            tally.paid_most -= call.cents - call.wish.charged_at_most(call.status)

    def _take_as_known(self) -> None:
        """What is in doubt may still turn out to be nothing."""
        for record in self._records():
            tally, spent = self._tallies[record["id"]], in_cents(record["total_spent_usd"])
            tally.most = spent + self._undone[record["id"]]
            tally.least = spent - in_cents(record["in_doubt_usd"])

    # -- looks ---------------------------------------------------------------------------------

    def _look_at_disk(self) -> OnDisk:
        """With nobody there: every row is as it was written, and what follows keeps to the caps."""
        if self._kills % CLI_EVERY == 0:
            verified(self._gateway)
            self._told.counts["verifies by the command line"] += 1
        disk = replayed(self._gateway.directory)
        self._told.counts["verifies in process"] += 1
        return disk

    def _records(self) -> list[Any]:
        """Every key."""
        found: list[Any] = []
        while True:
            after = f"&starting_after={found[-1]['id']}" if found else ""
            page = self._gateway.ask(f"/vault/keys?limit=100{after}")
            found += page["data"]
            if not page["has_more"]:
                break
        self._day = self._day or found[0]["day"]
        if any(record["day"] != self._day for record in found):
            raise NightFell
        return found

    def _check(self, disk: OnDisk | None) -> None:
        """disk: what was found before this start."""
        self._read_charges()
        spent_of, in_doubt = {}, 0
        for record in self._records():
            tally = self._tallies[record["id"]]
            spent = spent_of[record["id"]] = in_cents(record["total_spent_usd"])
            in_doubt += in_cents(record["in_doubt_usd"])
            assert spent >= self._charged[record["id"]], ("less than was charged", record)
            assert tally.least <= spent <= tally.most, (tally, record)
            assert record["held_usd"] == "0.00", record
            assert record["over_cap_usd"] == "0.00", record
            assert taken(record) <= in_cents(record["cap_usd"]), record
        assert spent_of.keys() == self._tallies.keys(), "a key is lost"
        self._check_issuers(spent_of)
        paid = self._vendor.charged()
        assert paid == sum(self._charged.values()), "charges that are nobody's"
        tallies = self._tallies.values()
        assert sum(t.paid_least for t in tallies) <= paid <= sum(t.paid_most for t in tallies)
        if disk is not None:
            self._check_doubts(disk, in_doubt)
        if self._kills % AUDIT_EVERY == 0:
            told = sum(in_cents(row["cost_usd"]) for row in audit(self._gateway))
            assert told == sum(spent_of.values()), "the audit log tells another sum"

    def _check_issuers(self, spent_of: dict[str, int]) -> None:
        for issuer_id, keys in list(self._issuers.items())[-2:]:
            record = self._gateway.ask(f"/vault/issuers/{issuer_id}")
            assert in_cents(record["spent_usd"]) == sum(spent_of[key] for key in keys), record
            assert record["held_usd"] == "0.00", record
            assert taken(record) <= in_cents(record["daily_usd_cap"]), record

    def _check_doubts(self, disk: OnDisk, in_doubt: int) -> None:
        """Whatever was open counts in full."""
        rows = self._doubts()
        assert len(rows) == disk.open + disk.in_doubt, (disk, len(rows))
        assert sum(in_cents(row["counts_usd"]) for row in rows) == in_doubt
        self._told.counts["open holds found by a start"] += disk.open

    def _doubts(self) -> list[Any]:
        found: list[Any] = []
        while True:
            after = f"&starting_after={found[-1]['id']}" if found else ""
            page = self._gateway.ask(f"/vault/in-doubt?limit=100{after}")
            found += page["data"]
            if not page["has_more"]:
                return found

    def _read_charges(self) -> None:
        """What the vendor charged since the last look, by key; newest first."""
        seen, self._newest = self._newest, ""
        after = ""
        while True:
            page = self._charges(after)
            for charge in page["data"]:
                self._newest = self._newest or charge["id"]
                if charge["id"] == seen:
                    return
                self._charged[charge["description"]] += charge["amount_captured"]
                self._told.counts["charges"] += charge["captured"]
            if not page["has_more"]:
                return
            after = f"&starting_after={page['data'][-1]['id']}"

    def _charges(self, after: str) -> Any:
        target, secret = f"/v1/charges?limit=100{after}", f"Bearer {STRIPE_SECRET}"
        return orjson.loads(self._vendor.request("GET", target, authorization=secret)[2])

    # -- the end -------------------------------------------------------------------------------

    def _end(self) -> None:
        self._gateway.kill()
        lose_audit(self._gateway)
        verified(self._gateway)
        self._gateway.restart()
        self._kills = 0  # so that the audit log is looked at
        self._check(None)
        assert self._gateway.stop() == 0
        self._gateway.env["KEYBRAKE__RECONCILER__DOUBT_FIRST_LOOK_S"] = "0"
        self._gateway.restart()
        self._reconcile()
        for record in self._records():
            charged, tally = self._charged[record["id"]], self._tallies[record["id"]]
            settled, in_doubt = in_cents(record["settled_usd"]), in_cents(record["in_doubt_usd"])
            assert settled <= charged <= settled + in_doubt, ("settled other than charged", record)
            assert in_cents(record["total_spent_usd"]) <= tally.most
        self._told.counts["cents charged"] += sum(self._charged.values())
        assert self._gateway.stop() == 0
        verified(self._gateway)

    def _reconcile(self) -> None:
        """The newest calls that are in doubt are looked up at the vendor. What shows no trace there
        goes on counting: age is no evidence."""
        for row in self._gateway.ask(f"/vault/in-doubt?limit={LOOKS}")["data"]:
            self._gateway.admin("POST", f"/vault/calls/{row['id']}/reconcile", {})
            state = self._gateway.ask(f"/vault/calls/{row['id']}")["state"]
            self._told.counts["looked up at the vendor"] += 1
            self._told.counts["cleared up by then"] += state != "in_doubt"


def replayed(directory: Path) -> OnDisk:
    """The books of a gateway that is down, walked through from their first row, and replayed from
    the last checkpoint: no budget is above its cap."""
    try:
        layout = open_layout(settings_in(directory, 2), read_only=True)
    except LedgerRefused as exc:
        raise AssertionError(str(exc)) from exc
    try:
        states, entries = Counter[HoldState](), 0
        for store in layout.stores:
            report = walk(store, layout.key)
            assert report.error is None, report.error
            entries += report.entries
            books = recover(store, layout.key)
            states.update(hold.state for hold in books.holds.values())
            for account in books.accounts.values():
                standing = account.standing(books.at_us)
                assert standing.over_cap_micros == 0, standing
        return OnDisk(states[HoldState.OPEN], states[HoldState.IN_DOUBT], entries)
    finally:
        layout.close()
