"""A gateway for the corpus, and what is held against an entry when it was sent to it."""

from __future__ import annotations

import datetime
import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.corpus.caller import Heard, Manner, nonce_of
from tests.corpus.entries import HOST, SAMPLE, Entry, corpus, filled
from tests.corpus.recorder import Seen
from tests.house import (
    RESEND_SECRET,
    STRIPE_SECRET,
    TWILIO_SID,
    TWILIO_TOKEN,
    Gateway,
    resend_at,
    twilio_at,
)

NUMBERED: Final = tuple(enumerate(corpus()))
BYTES_MAX: Final = 700
"""What is sent byte by byte is no longer than that."""
_MORE: Final = """\
[reconciler]
enabled = false
[money]
rates_file = "rates.json"
"""
_RATES: Final = {"eur": "0.8", "jpy": "150", "kwd": "0.3", "ugx": "3700"}
_ALWAYS: Final = frozenset({"host", "authorization", "user-agent", "accept-encoding"})
_FROM_ALL: Final = "accept accept-language content-type content-length"
_PASSED: Final = {
    "stripe": f"{_FROM_ALL} idempotency-key stripe-version x-stripe-client-telemetry"
    " x-stripe-client-user-agent",
    "twilio": f"{_FROM_ALL} x-twilio-client",
    "resend": f"{_FROM_ALL} idempotency-key x-batch-validation",
}
"""All that a vendor may ever see of a head, written down here once more."""


@contextmanager
def gateway_before(
    directory: Path, stripe: str, twilio: str, resend: str, *, server: str = ""
) -> Iterator[Gateway]:
    """Before vendors at these addresses. Nothing of it acts by itself."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    (directory / "rates.json").write_text(json.dumps({"date": today, "units_per_usd": _RATES}))
    routes = f'host_routes = {{"stripe.{HOST}" = "stripe"}}\n{server}'
    more = twilio_at(twilio) + resend_at(resend) + _MORE
    with Gateway.start(directory, stripe, server=routes, more=more) as gateway:
        yield gateway


def of_manner(manner: Manner) -> list[tuple[int, Entry]]:
    """The entries that are sent so: all of them, but for byte by byte every eighth short one."""
    if manner in (Manner.WHOLE, Manner.GLUED):
        return list(NUMBERED)
    cut = [(number, entry) for number, entry in NUMBERED if entry.cut]
    if manner is Manner.LINES:
        return cut
    return [(number, entry) for number, entry in cut[::8] if len(entry.raw(SAMPLE)) <= BYTES_MAX]


def complaints(
    number: int,
    entry: Entry,
    manner: Manner,
    heard: Heard,
    seen: Sequence[Seen],
    words: Mapping[str, str],
) -> list[str]:
    """What was not as the entry says, in words."""
    words = {**words, "NONCE": nonce_of(number, manner)}
    found = [f"{manner.name.lower()}: {heard.trouble}"] if heard.trouble else []
    told = [
        ("the caller heard", [str(said) for said in heard.says], list(entry.says)),
        (
            "the next was answered",
            heard.honest,
            heard.honest if entry.stays_open is None else entry.stays_open,
        ),
        ("the vendor saw", [one.line for one in seen], [filled(v, words) for v in entry.vendor]),
    ]
    if seen and entry.vendor_body is not None:
        wanted = filled(entry.vendor_body, words).encode("latin-1")
        told.append(("the last body there", seen[-1].body, wanted))
    if entry.cost is not None and heard.says:
        told.append(("it cost", heard.says[0].cost, entry.cost))
    for what, is_so, wanted_so in told:
        if is_so != wanted_so:
            found.append(f"{manner.name.lower()}: {what} {is_so!r:.600}, not {wanted_so!r:.600}")
    return found


def faults(seen: Seen, hosts: Mapping[str, str], secrets: Sequence[str]) -> list[str]:
    """What no request at a vendor may have. hosts: by vendor."""
    names = [name for name, _ in seen.headers]
    head = dict(seen.headers)
    framing = [name for name in names if name in ("content-length", "transfer-encoding")]
    allowed = _ALWAYS | set(_PASSED[seen.vendor].split())
    everything = "\n".join([seen.line, *map(str, seen.headers)]).encode() + seen.body
    wrong = {
        "names that are not passed on": set(names) - allowed - {"transfer-encoding"},
        "names that come twice": {name for name in names if names.count(name) > 1},
        "another credential": head.get("authorization") != _credential(seen.vendor),
        "another host": head.get("host") != hosts[seen.vendor],
        "two framings": len(framing) > 1,
        "a vault key": any(secret.encode() in everything for secret in secrets),
        "a coding asked for": head.get("accept-encoding", "identity") != "identity",
    }
    return [f"{seen.line}: {what}: {how}" for what, how in wrong.items() if how]


def _credential(vendor: str) -> str:
    if vendor == "twilio":
        return "Basic " + b64encode(f"{TWILIO_SID}:{TWILIO_TOKEN}".encode()).decode()
    return f"Bearer {STRIPE_SECRET if vendor == 'stripe' else RESEND_SECRET}"
