"""What is known of one call, for the audit log and for the journal's memos.

A record is opened when the key is known, filled in as the call goes on, and told three times: as
the memo of its hold (what was asked), as the memo of the hold's ending (how it went), and as the
row of the audit log (both). A memo is a JSON object of the log's columns, so that the log can be
rebuilt from the journal alone. No secret ever stands in a record: the Idempotency-Key comes as a
hash, the query and the body not at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ledger.history import CallRow, scenario

ALLOWED: Final = "allowed"
REFUSED: Final = "refused"


@dataclass(slots=True)
class CallRecord:
    """Living; the fields are the columns of `CallRow`, see there. id: the call's,
    `Keybrake-Call-Id`. label: the key's own; run: the effective one. state: the hold's, as
    `HoldState` spells it. lookups: the targets that were asked for its price, in order."""

    id: str
    at_us: int
    key_id: str
    label: str
    run: str
    vendor: str
    account: str
    method: str
    path: str
    operation: str = ""
    step: str | None = None
    reason: str | None = None
    run_url: str | None = None
    idempotency_key: str | None = None
    retry_of: str | None = None
    would_refuse: str | None = None
    lookups: tuple[str, ...] = ()
    quote_micros: int = 0
    held_micros: int = 0
    decision: str = ALLOWED
    code: str | None = None
    rule: str | None = None
    status: int | None = None
    cost_micros: int = 0
    own_cost_micros: int = 0
    state: str | None = None
    day: int | None = None
    hold_id: int | None = None
    own_hold_id: int | None = None
    vendor_request_id: str | None = None
    object_id: str | None = None
    livemode: bool | None = None
    duration_ms: int | None = None

    def refuse(self, code: str, status: int, rule: str | None = None) -> None:
        """The gateway said no, with this code and this status, by this rule."""
        self.decision, self.code, self.status, self.rule = REFUSED, code, status, rule

    def head_memo(self) -> bytes:
        """What was asked, for the entry that makes the hold."""
        facts: dict[str, Any] = {
            "id": self.id,
            "at_us": self.at_us,
            "key_id": self.key_id,
            "label": self.label,
            "run": self.run,
            "vendor": self.vendor,
            "account": self.account,
            "method": self.method,
            "path": self.path,
            "operation": self.operation,
            "quote_micros": self.quote_micros,
        }
        for name in _SELDOM:
            if (value := getattr(self, name)) is not None:
                facts[name] = value
        if self.lookups:
            facts["lookups"] = self.lookups
        return orjson.dumps(facts)

    def outcome_memo(self) -> bytes:
        """How it went, for the entry that ends the hold."""
        facts: dict[str, Any] = {
            "decision": self.decision,
            "status": self.status,
            "duration_ms": self.duration_ms,
        }
        for name in _OUTCOMES:
            if (value := getattr(self, name)) is not None:
                facts[name] = value
        return orjson.dumps(facts)

    def row(self) -> CallRow:
        """All of it, for the audit log. Positional, in the order of the columns: this runs for each
        call."""
        return CallRow(
            self.id,
            self.at_us,
            self.key_id,
            self.label or None,
            self.run or None,
            scenario(self.run),
            self.step,
            self.reason,
            self.run_url,
            self.vendor,
            self.account,
            self.method,
            self.path,
            self.operation or None,
            self.decision,
            self.code,
            self.rule,
            self.status,
            self.quote_micros,
            self.held_micros,
            self.cost_micros,
            self.own_cost_micros,
            self.state,
            self.day,
            self.idempotency_key,
            self.vendor_request_id,
            self.object_id,
            self.livemode,
            self.duration_ms,
            self.hold_id,
            self.own_hold_id,
            self.retry_of,
            orjson.dumps(self.lookups).decode() if self.lookups else None,
            self.would_refuse,
        )


_SELDOM: Final = ("step", "reason", "run_url", "idempotency_key", "retry_of", "would_refuse")
_OUTCOMES: Final = ("code", "rule", "vendor_request_id", "object_id", "livemode")


def hashed(idempotency_key: str, namespace: str) -> str:
    """An Idempotency-Key as the audit log shows it: it tells retries apart and cannot be turned
    back."""
    return hashlib.sha256(f"audit\0{namespace}\0{idempotency_key}".encode()).hexdigest()[:32]
