"""A vendor's accounts: real credentials by the places that the settings name, or our stand-in's.

A secret is `"env:NAME"` or `"file:PATH"`. What else belongs to a credential (Twilio's account SID,
the SID of an API key) is no secret: it may be written out, or come from the same places. A vendor
knows such ids if the credential of its stand-in has one; elsewhere they are unknown settings.

With `sandbox = "auto"` the stand-in takes over while every variable that is named is unset and no
file is; half of a credential is a mistake, never a stand-in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.run.draft import Draft
from gateway.run.layers import Name
from gateway.run.log import register_secret
from gateway.run.sandbox import has_stand_in
from gateway.settings import AccountSettings, Secret
from gateway.vault.known import home
from vendors.contract import Credential, Vendor

SECRET_CHARS_MAX: Final = 16_384
SECRET: Final = "secret"
IDS: Final = ("account_sid", "api_key_sid")
APART_CHARS: Final = 16
"""How much of a stand-in's credential tells one account from another: 64 bits, as hex digits."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """What a vendor is called with. stand_in: our own takes its place."""

    by_name: Mapping[str, AccountSettings]
    stand_in: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a credential. place: where it is (`env:NAME`, `file:PATH`); '' if it is written
    out. value: None while its variable is unset. wrong: it was told badly, and that is noted."""

    place: str = ""
    value: str | None = ""
    wrong: bool = False

    @property
    def found(self) -> bool:
        """Does it come from a place, and is it there? What is written out is always there, and
        says nothing about what the operator has."""
        return bool(self.place) and self.value is not None


def read_accounts(
    draft: Draft, table: Name, vendor: Vendor, environ: Mapping[str, str], sandbox: str
) -> Accounts:
    """table: its name in the settings, `vendors.stripe.accounts`. sandbox: true, false or auto.
    What is wrong is noted in the draft."""
    names = list(dict.fromkeys(full[3] for full in draft.below(table) if len(full) > 3))
    parts = {name: _parts(draft, (*table, name), vendor, environ) for name in names}
    told = [part for row in parts.values() for part in row.values()]
    untouched = not any(part.found or part.wrong for part in told)
    if sandbox == "true" or (sandbox == "auto" and untouched):
        return _stand_in(draft, table, vendor, parts)
    if not names:
        draft.mistake(
            table, 'needs an account: [vendors.NAME.accounts.default] with secret = "env:NAME"'
        )
    accounts = {name: _account(draft, (*table, name), vendor, parts[name]) for name in names}
    return Accounts({n: account for n, account in accounts.items() if account is not None}, False)


def _parts(
    draft: Draft, above: Name, vendor: Vendor, environ: Mapping[str, str]
) -> dict[str, Part]:
    parts = {SECRET: _secret(draft, (*above, SECRET), environ)}
    if vendor.sandbox_credential.account:
        parts |= {name: _id(draft, (*above, name), environ) for name in IDS}
    return parts


def _secret(draft: Draft, name: Name, environ: Mapping[str, str]) -> Part:
    """A literal one is never shown: whoever wrote it there may have meant a real one."""
    given = draft.take(name)
    if given is None:
        draft.mistake(name, 'is missing: "env:NAME" or "file:PATH"')
        return Part(wrong=True)
    part = _from_place(draft, name, given.value, environ)
    if part is None:
        draft.mistake(
            name, 'must be "env:NAME" or "file:PATH": a secret itself never stands in the settings'
        )
        return Part(wrong=True)
    return part


def _id(draft: Draft, name: Name, environ: Mapping[str, str]) -> Part:
    value = draft.value(name, str) or ""
    if not value.startswith(("env:", "file:")):
        return Part(value=value)
    part = _from_place(draft, name, value, environ)
    if part is None:
        draft.mistake(name, 'must be the id itself, "env:NAME" or "file:PATH"')
        return Part(wrong=True)
    return part


def _from_place(draft: Draft, name: Name, value: object, environ: Mapping[str, str]) -> Part | None:
    """None: it names no place."""
    kind, _, place = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind == "env" and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", place):
        return Part(f"env:{place}", environ.get(place, "").strip() or None)
    if kind != "file" or not place:
        return None
    try:
        return Part(f"file:{place}", secret_from_file(place))
    except ValueError as exc:
        draft.mistake(name, str(exc))
        return Part(wrong=True)


def secret_from_file(path: str) -> str:
    """Raises ValueError."""
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ValueError(f"file {path} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"file {path} is not text") from None
    if not value:
        raise ValueError(f"file {path} is empty")
    return value


def form_mistake(value: str) -> str | None:
    """What is wrong with a credential's form, whoever's it is."""
    if len(value) > SECRET_CHARS_MAX or re.fullmatch(r"[!-~]+", value) is None:
        return "must be one line of printable ASCII without spaces"
    return None


def _account(
    draft: Draft, above: Name, vendor: Vendor, parts: Mapping[str, Part]
) -> AccountSettings | None:
    """None: something is wrong with it, and noted. A part that is wrong by itself is told first;
    the vendor judges the credential as a whole."""
    values = {name: _value(draft, (*above, name), part) for name, part in parts.items()}
    if any(value is None for value in values.values()):
        return None
    secret, account, api_key = (values.get(name) or "" for name in (SECRET, *IDS))
    told = vendor.mistakes(Credential(secret, account, api_key))
    for name, why in told.items():
        part = parts.get(name, parts[SECRET])
        draft.mistake((*above, name), f"{part.place}: {why}" if part.place else why)
    return None if told else AccountSettings(above[-1], Secret(secret), account, api_key)


def _value(draft: Draft, name: Name, part: Part) -> str | None:
    """What a part says; None: nothing that can be used, and that is noted."""
    if part.wrong:
        return None
    if part.value is None:
        variable = part.place.removeprefix("env:")
        draft.mistake(name, f"the environment variable {variable} is not set")
        return None
    if name[-1] == SECRET:
        register_secret(part.value)
    wrong = form_mistake(part.value) if part.value else None
    if wrong:
        draft.mistake(name, f"{part.place}: {wrong}" if part.place else wrong)
        return None
    return part.value


# ── the stand-in's ──────────────────────────────────────────────────────────────────────────────


def _stand_in(
    draft: Draft, table: Name, vendor: Vendor, parts: Mapping[str, Mapping[str, Part]]
) -> Accounts:
    if not has_stand_in(vendor.name):
        draft.mistake((*table[:-1], "sandbox"), _no_stand_in(vendor.name, parts))
        return Accounts({}, False)
    accounts = stand_in_accounts(vendor, list(parts) or ["default"])
    told = (SECRET, *IDS) if vendor.sandbox_credential.account else (SECRET,)
    for name in accounts:
        draft.remarks |= {".".join((*table, name, part)): "the sandbox" for part in told}
    return Accounts(accounts, True)


def _no_stand_in(vendor: str, parts: Mapping[str, Mapping[str, Part]]) -> str:
    places = [part.place for row in parts.values() for part in row.values() if part.place]
    unset = f": set {', '.join(p.removeprefix('env:') for p in places)}" if places else ""
    return f"there is no sandbox of {vendor}, so it needs real credentials{unset}"


def stand_in_accounts(vendor: Vendor, names: Collection[str]) -> dict[str, AccountSettings]:
    """An account of the stand-in for each name, no two of them the same: what one does, no other
    sees. The usual one (`default`, or the only one) has the credential that the vendor's module
    tells, unless its secret stands in its account's id: a secret is scrubbed from every answer, and
    the id would be lost with it."""
    accounts = {}
    for name in names:
        credential = vendor.sandbox_credential
        if name != home(names) or credential.secret in credential.account:
            credential = _apart(credential, name)
        assert not vendor.mistakes(credential), f"{vendor.name}: its stand-in's form is not its own"
        accounts[name] = AccountSettings(
            name, Secret(credential.secret), credential.account, credential.api_key
        )
    return accounts


def _apart(credential: Credential, name: str) -> Credential:
    """Another credential of the same form: its last characters are hex digits, which any form of
    them takes."""

    def other(part: str, text: str) -> str:
        length = min(APART_CHARS, len(text) // 2)
        digits = hashlib.sha256(f"{part} of {name}".encode()).hexdigest()
        return text[: len(text) - length] + digits[:length]

    return Credential(
        other("secret", credential.secret),
        other("account", credential.account),
        other("api_key", credential.api_key),
    )
