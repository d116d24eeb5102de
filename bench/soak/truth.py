"""What the vendors really charged, laid beside what the gateway's books say, call by call.

A Stripe of ours writes each movement of money into a file as it happens, by the charge's id; which
of our calls made the charge stands in the charge itself, so the charges are listed while the soak
runs (the vendor forgets old ones). The audit log has the same token as the call's step.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from bench.sandbox.launch import Sandbox
from bench.soak.house import STRIPE_SECRET

PAGE: Final = 100
CENT: Final = 10_000
"""Micro-USD in a cent."""
OPEN: Final = ("requires_capture", "requires_payment_method", "requires_confirmation")


@dataclass(slots=True)
class Charges:
    """Living. tokens: charge id -> the token of the call that made it."""

    stripe: Sandbox
    tokens: dict[str, str] = field(default_factory=dict)

    def collect(self) -> None:
        """All that came since the last time."""
        after, fresh = "", PAGE
        while fresh == PAGE:
            data = self._listed("charges", after)
            found = {c["id"]: c["metadata"].get("soak", "") for c in data}
            fresh = len(found.keys() - self.tokens.keys())
            self.tokens.update(found)
            after = data[-1]["id"] if data else ""

    def cancel_open_intents(self) -> int:
        """As a merchant's own dashboard at the vendor does, past the gateway. How many there
        were."""
        after, found = "", []
        while data := self._listed("payment_intents", after):
            found += [intent["id"] for intent in data if intent["status"] in OPEN]
            after = data[-1]["id"]
        for intent in found:
            self._request("POST", f"/v1/payment_intents/{intent}/cancel")
        return len(found)

    def _listed(self, what: str, after: str) -> list[Any]:
        more = f"&starting_after={after}" if after else ""
        data: list[Any] = self._request("GET", f"/v1/{what}?limit={PAGE}{more}")["data"]
        return data

    def _request(self, method: str, target: str) -> Any:
        bearer = f"Bearer {STRIPE_SECRET}"
        return json.loads(self.stripe.request(method, target, authorization=bearer)[2])


@dataclass(slots=True)
class Account:
    """Both sides of one key on one day, in micro-USD."""

    counted: int = 0
    charged: int = 0


@dataclass(slots=True)
class Compared:
    """calls: rows of the audit log. wrong: what must not be, in words. by_key_day: Stripe's."""

    calls: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    charged: Counter[str] = field(default_factory=Counter)
    by_key_day: dict[tuple[str, str], Account] = field(default_factory=lambda: defaultdict(Account))
    states: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def moved(path: Path) -> tuple[dict[str, int], Counter[str]]:
    """Of a sandbox's file: what each charge took, in minor units, and all movements by kind."""
    by_charge: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    with path.open("rb") as lines:
        for line in map(json.loads, lines):
            kinds[line["kind"]] += line["amount"]
            if line["kind"] == "charge":
                by_charge[line["id"]] += line["amount"]
    return dict(by_charge), kinds


def compare(
    rows: Iterable[Mapping[str, Any]],
    tokens: Mapping[str, str],
    paid: Mapping[str, int],
    late: set[str],
) -> Compared:
    """rows: the whole audit log. paid: by charge, in cents. late: tokens that must not have been
    charged, unless an earlier call with them was."""
    found = Compared()
    counted: Counter[str] = Counter()
    of: dict[str, tuple[str, str]] = {}
    for row in rows:
        micros = int(Decimal(row["cost_usd"]) * 1_000_000)
        found.calls += row["count"] or 1
        found.counted[row["vendor"]] += micros
        found.states[row["state"] or row["decision"]] += 1
        if row["vendor"] == "stripe" and row["day"] is not None:
            counted[row["step"]] += micros
            found.by_key_day[row["key_id"], row["day"]].counted += micros
            if micros or row["step"] not in of:
                of[row["step"]] = row["key_id"], row["day"]
    charged = Counter[str]()
    for charge, cents in paid.items():
        token = tokens.get(charge, "")
        charged[token] += cents * CENT
        if not token:
            found.wrong.append(f"{charge} was paid, and nobody knows for which call")
    for token, micros in charged.items():
        found.charged["stripe"] += micros
        if token in of:
            found.by_key_day[of[token]].charged += micros
        if counted[token] < micros:
            found.wrong.append(f"{token}: {micros} charged, {counted[token]} counted")
        if token in late:
            found.wrong.append(f"{token} was charged after the revoke of its key was answered")
    for (key_id, day), account in found.by_key_day.items():
        if account.counted < account.charged:
            found.wrong.append(f"{key_id} on {day}: {account}")
    return found


def over_ceilings(found: Compared, ceilings: Mapping[tuple[str, str], int]) -> list[str]:
    """Days on which a key counted more than its caps and top-ups of that day could ever allow.
    ceilings: micro-USD by key and day; of a key without a day, ''."""
    told = []
    for (key_id, day), account in found.by_key_day.items():
        most = ceilings[key_id, ""] + ceilings.get((key_id, day), 0)
        if account.counted > most:
            told.append(f"{key_id} counted {account.counted} on {day}, its cap was {most}")
    return told
