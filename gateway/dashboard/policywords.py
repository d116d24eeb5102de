"""A key's policy in sentences, from its record as the admin side shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.dashboard.words import count, micros, usd

Record = Mapping[str, Any]


def money_words(record: Record) -> str:
    """The caps, in one sentence."""
    if micros(record["daily_usd_cap"]) == 0:
        return "May not spend anything: it can only read."
    parts = [f"May spend up to {usd(record['daily_usd_cap'])} a day"]
    if record["total_usd_cap"] is not None:
        parts.append(f"{usd(record['total_usd_cap'])} in its whole life")
    if record["per_call_usd_max"] is not None:
        parts.append(f"{usd(record['per_call_usd_max'])} in one call")
    zone = record["timezone"]
    return f"{', '.join(parts)}. Its day begins at midnight, {zone}."


def limit_words(record: Record) -> Sequence[str]:
    """All other bounds, a sentence each."""
    return [*_pace(record), *_places(record), *_loosened(record), *_form(record)]


def _pace(record: Record) -> Iterator[str]:
    if record["daily_call_cap"] is not None:
        yield f"{_metered(record)} a day: {record['daily_call_cap']:,} at most."
    if record["rate_per_minute"] is not None:
        yield f"At most {count(record['rate_per_minute'], 'call')} in any minute."
    if record["concurrency_max"] is not None:
        yield f"At most {count(record['concurrency_max'], 'call')} at the same time."
    if record["call_time_limit_s"] is not None:
        yield f"A phone call lasts {record['call_time_limit_s']} s at most."


def _metered(record: Record) -> str:
    kinds = {"twilio": "Messages", "resend": "Recipients"}
    return kinds.get(record["vendor"], "Calls that cost")


def _places(record: Record) -> Iterator[str]:
    if record["countries"] is not None:
        yield f"Only to {_listed(record['countries'])}."
    if record["currencies"] is not None:
        yield f"Only in {_listed(name.upper() for name in record['currencies'])}."
    for name, rule in (record["params"] or {}).items():
        yield f"The field {name} must {' and '.join(_rule(rule))}."
    if record["vendor_accounts"]:
        yield f"May also act for {_listed(record['vendor_accounts'])}."


def _rule(rule: Mapping[str, Any]) -> Iterator[str]:
    if "equals" in rule:
        yield f"be {rule['equals']}"
    if "one_of" in rule:
        yield f"be one of {', '.join(rule['one_of'])}"
    if "prefix" in rule:
        yield f"begin with {rule['prefix']}"
    if "max" in rule:
        yield f"be at most {rule['max']}"


def _loosened(record: Record) -> Iterator[str]:
    """What lets more through than a key does by itself."""
    if record["mode"] == "shadow":
        yield "Shadow: what its caps and rules would refuse goes out, and is only reported."
    for entry, held in record["allow_unpriced"].items():
        yield f"{entry} has no price and passes at a fixed {usd(held)} each time."
    if record["mint_endpoints"]:
        yield f"May be handed access by {_listed(record['mint_endpoints'])}."
    if record["refunds_restore_cap"]:
        yield "A refund of its own charge on the same day gives back to its cap."
    if not record["count_test_mode"]:
        yield "Calls that move no real money do not count."


def _form(record: Record) -> Iterator[str]:
    if record["sandbox"]:
        yield "Made for the sandbox: it never works on real credentials."
    if record["idempotency_scope"]:
        scope = record["idempotency_scope"]
        yield f"Shares the namespace of its Idempotency-Keys with keys of the scope {scope}."
    if record["block_status"] != 429:
        yield f"A refusal for a cap has the status {record['block_status']}."
    if record["error_style"] == "flat":
        yield "Refusals are always Keybrake's own flat JSON."
    elif record["error_style"] == "vendor":
        yield "Refusals always have the vendor's own shape."


def _listed(names: Any) -> str:
    return ", ".join(names)
