"""What `POST /vault/issuers` and `PATCH /vault/issuers/{id}` say, read into an issuer's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.vault import fields as f
from gateway.vault.fields import Field, look_over, mistake, read_fields, refuse
from gateway.vault.issuers import IssuerTerms, Template
from gateway.vault.known import Known
from gateway.vault.termsreader import DAY_S

_DAILY: Final = "What all keys of the issuer together may spend in a day."
_RATE: Final = "How many keys it may make in any hour."

TEMPLATE_FIELDS: Final[tuple[Field, ...]] = (
    f.names("vendors", "The vendors.", "[a-z][a-z0-9_]{0,31}", "vendors' names", required=True),
    f.matching("account", "The one account.", "[A-Za-z0-9_.-]{1,64}", "an account's name"),
    f.endpoints("allowed_endpoints", "A key's endpoints lie within these.", required=True),
    f.usd("daily_usd_cap_max", "A key's daily cap at most.", required=True),
    f.usd("total_usd_cap_max", "A key's total cap at most."),
    f.usd("per_call_usd_max", "A key's maximum per call at most."),
    f.whole(
        "daily_call_cap_max",
        "A key's daily calls at most (Twilio messages, Resend recipients, else metered calls).",
    ),
    f.duration("expires_in_max", "How long a key lives at most. Default 24h."),
)


def _template(values: Mapping[str, Any]) -> Template:
    return Template(
        vendors=values["vendors"],
        allowed=values["allowed_endpoints"],
        daily_cap_micros_max=values["daily_usd_cap_max"],
        expires_s_max=values.get("expires_in_max", DAY_S),
        account=values.get("account"),
        total_cap_micros_max=values.get("total_usd_cap_max"),
        per_call_micros_max=values.get("per_call_usd_max"),
        daily_call_cap_max=values.get("daily_call_cap_max"),
    )


_BOUNDS: Final = "What a key may be at most."
ISSUER_FIELDS: Final[tuple[Field, ...]] = (
    f.usd("daily_usd_cap", _DAILY, required=True),
    f.nested("template", _BOUNDS, TEMPLATE_FIELDS, _template, required=True),
    f.whole("keys_per_hour", _RATE, most=1_000_000),
    f.text("name", "For people."),
    f.zone("timezone", "Where its day begins; fixed. Default UTC."),
)
ISSUER_AMEND_FIELDS: Final[tuple[Field, ...]] = (
    f.usd("daily_usd_cap", _DAILY, null="refused"),
    f.nested("template", _BOUNDS, TEMPLATE_FIELDS, _template, null="refused"),
    f.whole("keys_per_hour", _RATE, most=1_000_000, null="value"),
    f.text("name", "For people.", null="value"),
)


def read_issuer_terms(
    body: Mapping[str, Any], known: Known, issuer_id: str, now_us: int
) -> IssuerTerms:
    """Raises InvalidRequest with all mistakes."""
    values, mistakes = look_over(body, ISSUER_FIELDS)
    refuse([*mistakes, *_strangers(values.get("template"), known)])
    return IssuerTerms(
        issuer_id=issuer_id,
        template=values["template"],
        daily_cap_micros=values["daily_usd_cap"],
        created_at_us=now_us,
        name=values.get("name", ""),
        keys_per_hour=values.get("keys_per_hour"),
        timezone=values.get("timezone", "UTC"),
    )


def read_issuer_amendment(body: Mapping[str, Any], known: Known, terms: IssuerTerms) -> IssuerTerms:
    """Keys that were made already keep their terms. Raises InvalidRequest."""
    values = read_fields(body, ISSUER_AMEND_FIELDS)
    mistakes = _strangers(values.get("template"), known)
    if not values:
        mistakes.append(mistake("body", "must name at least one field"))
    refuse(mistakes)
    if "daily_usd_cap" in values:
        values["daily_cap_micros"] = values.pop("daily_usd_cap")
    if "name" in values:
        values["name"] = values["name"] or ""
    return replace(terms, **values)


def _strangers(template: Template | None, known: Known) -> list[dict[str, str]]:
    """Vendors and accounts of a template that this gateway does not have."""
    if template is None:
        return []
    here = ", ".join(sorted(known)) or "none"
    mistakes = [
        mistake("template.vendors", f"{vendor} is not set up here; there is {here}")
        for vendor in sorted(template.vendors)
        if vendor not in known
    ]
    account = template.account
    if account is not None:
        without = [
            vendor
            for vendor in sorted(template.vendors)
            if vendor not in known or account not in known[vendor].accounts
        ]
        mistakes += [
            mistake("template.account", f"{account} is no account of {vendor}")
            for vendor in without
        ]
    return mistakes
