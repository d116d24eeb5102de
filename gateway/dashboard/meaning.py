"""What the words of the audit log mean: why a call was refused and what to do, where its hold
stands.

The codes are those of `gateway/errors.py`; docs/errors.md tells them and the rules in the same
words, and `tests/test_docs.py` holds all three together. Backticks enclose what is a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Meaning:
    means: str
    do: str


CODES: Final = {
    code: Meaning(means, do)
    for code, means, do in (
        ("key_missing", "no vault key came with the request",
         "send it as Bearer, or in HTTP Basic"),
        ("key_unknown", "no vault key of this gateway",
         "check for a cut-off key; a vendor's real key is no vault key"),
        ("key_revoked",
         "the key, its issuer or its run was revoked; `in_doubt` if its call had left already",
         "ask its owner"),
        ("key_expired", "its time is over", "make a new key"),
        ("endpoint_not_allowed",
         "method and path are not on the key's list; the answer lists what is",
         "use another key"),
        ("vendor_mismatch", "the key is for another vendor", "use that vendor's path"),
        ("policy_refused", "a rule of the key says no; `rule` names it",
         "change the call, or the key"),
        ("endpoint_unpriced", "it moves money and nobody can tell how much in advance",
         "make a key with `allow_unpriced` for it"),
        ("request_malformed",
         "not well-formed HTTP, or two parsers could disagree about it "
         "(also with 417, 501, 505)",
         "repair the client"),
        ("route_unknown", "nothing lives at this path",
         "vendors are under `/stripe/…`, `/twilio/…`, `/resend/…`"),
        ("method_not_allowed", "the path does not take this method", "see `Allow`"),
        ("request_timeout", "the request did not arrive in time", "send it faster"),
        ("body_too_large", "more than what is read for its price", "send less"),
        ("media_type_unsupported",
         "a priced body that is neither plain form nor JSON in UTF-8", "send one of these"),
        ("amount_unreadable",
         "a field that decides the price cannot be read without doubt; `field` names it",
         "send it once, as digits"),
        ("head_too_large", "path or headers are too long", "send less"),
        ("idempotency_conflict", "this Idempotency-Key was used for another request",
         "look at the first call: with a fresh one it is done again"),
        ("idempotency_in_progress", "the first call with this key still runs", "ask again"),
        ("daily_cap_exceeded", "it could cost more than what is left today; nothing was sent",
         "wait for `resets_at`, or raise the cap"),
        ("total_cap_exceeded", "it could cost more than what is left in all; nothing was sent",
         "raise the cap"),
        ("call_count_exceeded",
         "it is more calls, messages or recipients than what is left today; nothing was sent",
         "wait for `resets_at`"),
        ("issuer_cap_exceeded",
         "it could cost more than what is left over all keys of the issuer; nothing was sent",
         "wait, or raise it"),
        ("rate_limited", "too many calls at once or in a short time; nothing is counted",
         "wait for `Retry-After`"),
        ("internal", "a fault of ours; a call that had left counts in full",
         "tell us the `call_id`"),
        ("vendor_unreachable",
         "no connection; nothing was sent (`stage: lookup`: while asking for the price)",
         "ask again"),
        ("vendor_redirected",
         "the vendor answered with a redirect, which is never followed", "check `base_url`"),
        ("vendor_broke_off", "the answer broke off; counts in full until it is known",
         "look at `/vault/in-doubt`"),
        ("ledger_unavailable", "the hold cannot be recorded, so nothing was sent",
         "look at the disk, and at `/readyz`"),
        ("draining", "this instance is shutting down; nothing was sent", "ask again"),
        ("vendor_timeout", "no answer in time; counts in full until it is known",
         "look at `/vault/in-doubt`"),
    )
}  # fmt: skip

RULES: Final = {
    "per_call_usd_max": "it can cost more than one call may",
    "currency": "its currency is not one of `currencies`, or is not known",
    "country": "the number may be in a country that is not in `countries`",
    "params:": "a field does not fit the key's `params`",
    "account": "it names an account that is not the key's own, nor one of `vendor_accounts`",
    "mint_endpoints": "its answer would hold credentials that work without the gateway",
    "call_time_limit_s": "the phone call may last longer than the key allows",
    "destination_unpriced": "nobody knows what this destination costs",
    "rates_age": "the exchange rates are too old to price anything but USD",
    "sandbox": "the key was made on a stand-in, and there are real credentials now",
}
"""Why a call is refused by a rule of its key."""
CAPS: Final = {
    "key_daily": "the key's own, for a day",
    "key_total": "the key's own, for its whole life",
    "key_calls": "the key's own, of calls, messages or recipients in a day",
    "issuer_daily": "the issuer's, for a day, over all its keys",
}
"""Whose cap it is: the code that stands beside it says so, too."""


def rule_name(rule: str | None) -> str:
    """What stands behind a code in a line; '' where the code says all."""
    return "" if rule is None or rule in CAPS else rule


def rule_words(rule: str | None) -> str:
    """Of a rule or a cap; '' of what nobody has words for."""
    name, colon, _ = (rule or "").partition(":")
    return RULES.get(name + colon) or CAPS.get(name, "")


STATES: Final = {
    "open": "The call is on its way. What it can cost at most is set aside.",
    "settled": "It is over. What it did cost is known and counted.",
    "released": "It is over and counts nothing: it did not run, or the vendor refused it.",
    "standing": "The money is committed and has not moved yet, as with an intent that is not "
    "captured. It counts in full until the vendor says that it succeeded or was canceled.",
    "pending": "The call succeeded, and the vendor tells its final price later. Until then it "
    "counts at the most it can cost.",
    "in_doubt": "The request left, and no answer says what happened. It counts in full until the "
    "vendor shows what became of it, or a person says so.",
    "taken_over": "Another key went on with the same object, so its budget counts it now.",
}
NO_HOLD: Final = "It set no money aside: it is free, or was refused before that."
