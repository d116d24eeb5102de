"""Whose account a path names, and how that account is worn in credentials.

Paths of the 2010 API carry the account's SID: `/2010-04-01/Accounts/AC…/Messages.json`. The real
one must stand there when the call leaves. A caller writes the real SID, or whatever stands for it
(its key's alias, the user name it logs in with); another account's SID (a subaccount, which the
same credentials reach) only where its key names that account; anything else is refused. A SID that
stands elsewhere in a path, on any host, is held to the same rule.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Final

from vendors.contract import Credential, RuleRefused

_ACCOUNT: Final = re.compile(r"AC[0-9a-f]{32}", re.ASCII)
_ANY_CASE: Final = re.compile(r"AC[0-9a-f]{32}", re.ASCII | re.IGNORECASE)
_API_KEY: Final = re.compile(r"SK[0-9a-f]{32}", re.ASCII)
_TOKEN: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_KEY_SECRET: Final = re.compile(r"[A-Za-z0-9]{32}", re.ASCII)
_PLACE: Final = 2
"""`/2010-04-01/Accounts/{sid}`: the segment that names the account, the first being 0."""


def own_path(
    path: str, account: str, names: Collection[str], others: Collection[str]
) -> tuple[str, str]:
    """The path as Twilio gets it, and what the caller called the account in it: '' where the path
    names none, or another account that its key may name. Raises RuleRefused("account")."""
    segments = path.split("/")[1:]
    called = ""
    for i in _places(segments):
        segment = segments[i]
        name, ending = segment, ""
        if segment != account and segment not in names:
            name, dot, rest = segment.partition(".")
            ending = dot + rest
        if name == account or name in names:
            segments[i], called = account + ending, name
        elif name not in others:
            raise RuleRefused("account", f"{name[:64]} is no account that this key may name")
    return "/" + "/".join(segments), called


def alias(key_id: str) -> str:
    """What a caller may call the account: of a SID's form, since SDKs insist on it."""
    return "AC" + hashlib.sha256(key_id.encode()).hexdigest()[:32]


def mistakes(credential: Credential) -> Mapping[str, str]:
    """What is wrong with a real credential's form: setting -> one sentence without the secret."""
    found: dict[str, str] = {}
    if _ACCOUNT.fullmatch(credential.account) is None:
        found["account_sid"] = "an account's SID is AC and 32 hexadecimal digits in lower case"
    if credential.api_key and _API_KEY.fullmatch(credential.api_key) is None:
        found["api_key_sid"] = "an API key's SID is SK and 32 hexadecimal digits in lower case"
    if (why := _secret_mistake(credential)) is not None:
        found["secret"] = why
    return found


def _secret_mistake(credential: Credential) -> str | None:
    secret = credential.secret
    if credential.api_key:
        fits = _KEY_SECRET.fullmatch(secret) is not None
        return None if fits else "the secret of an API key is 32 letters and digits"
    if _TOKEN.fullmatch(secret) is not None:
        return None
    if secret.startswith(("AC", "SK")) and len(secret) == 34:
        return "a SID, which is the name of an account or a key; the secret is what belongs to it"
    if secret.startswith(("vault_key_", "kb_")):
        return "a key of a gateway, not a secret of Twilio's"
    return (
        "an auth token is 32 hexadecimal digits in lower case; for the secret of an API key, "
        "set api_key_sid"
    )


def _places(segments: list[str]) -> list[int]:
    """Which segments name an account: the one after `Accounts`, and every one of a SID's form."""
    named = [i for i, segment in enumerate(segments) if _ANY_CASE.match(segment) is not None]
    if len(segments) > _PLACE and segments[1].casefold() == "accounts" and _PLACE not in named:
        named.append(_PLACE)
    return named
