"""gateway.toml and the environment become frozen `Settings`, or one list of all that is wrong with
them.

Three layers, the later one wins: the settings' own defaults, the file, environment variables such
as KEYBRAKE__SERVER__LISTEN. Secrets never stand in the file: it says `"env:NAME"` or `"file:PATH"`.

A vendor with `sandbox = "auto"` whose secrets are all unset environment variables is served by our
own stand-in, which the log, /readyz and every page say loudly; with some set and some not, the
unset ones are mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from gateway.run import values
from gateway.run.draft import Draft, meant
from gateway.run.layers import ConfigMistakes, Given, Name, from_environment, from_file
from gateway.run.log import register_secret
from gateway.settings import (
    AccountSettings,
    LedgerSettings,
    LogSettings,
    MoneySettings,
    Secret,
    ServerSettings,
    Settings,
    VendorSettings,
)
from vendors import VENDORS
from vendors.contract import Credential, Vendor

__all__ = ["ConfigMistakes", "Shown", "load", "product_hosts", "show"]

DEFAULT_FILE: Final = "gateway.toml"
ADMIN_KEY_CHARS_MIN: Final = 24
SECRET_CHARS_MAX: Final = 16_384
SANDBOX_SECRET: Final = "sk_test_keybrakeSandboxOnly"
"""What stands in for a real credential where our own stand-in is the vendor."""

DEFAULT_VENDORS: Final[Mapping[Name, Given]] = {
    ("vendors", "stripe", "sandbox"): Given("auto", "default"),
    ("vendors", "stripe", "accounts", "default", "secret"): Given(
        "env:STRIPE_SECRET_KEY", "default"
    ),
}
"""What stands when no file names a vendor: as the gateway.toml that ships."""


def load(
    path: Path | None, environ: Mapping[str, str], known: Mapping[str, Vendor] = VENDORS
) -> Settings:
    """path: None takes gateway.toml from the working directory if there is one. Raises
    ConfigMistakes."""
    if path is None and Path(DEFAULT_FILE).exists():
        path = Path(DEFAULT_FILE)
    given = from_file(path) if path is not None else {}
    if not any(name[0] == "vendors" for name in given):
        given |= DEFAULT_VENDORS
    draft = Draft(given | from_environment(environ))
    server = draft.section(("server",), ServerSettings)
    ledger = draft.section(("ledger",), LedgerSettings)
    money = draft.section(("money",), MoneySettings)
    log = draft.section(("log",), LogSettings)
    vendors = _vendors(draft, environ, known)
    _check_together(draft, server, ledger, known)
    admin_key = _admin_key(draft, environ)
    draft.finish()
    return Settings(
        server=ServerSettings(**server),
        ledger=LedgerSettings(**ledger),
        money=MoneySettings(**money),
        vendors=vendors,
        log=LogSettings(**log),
        admin_key=admin_key,
        origins=draft.origins,
    )


def product_hosts(vendor: Vendor, base_url: str) -> dict[str, str]:
    """Where the vendor's other hosts are: its own ones, or below a base_url that is not its own."""
    if base_url == vendor.base_url:
        return dict(vendor.products)
    return {product: f"{base_url.rstrip('/')}/{product}" for product in vendor.products}


def _check_together(
    draft: Draft, server: Mapping[str, Any], ledger: Mapping[str, Any], known: Mapping[str, Vendor]
) -> None:
    """What no single value shows."""
    for host, target in server.get("host_routes", {}).items():
        vendor, _, product = target.partition("/")
        if vendor not in known or (product and product not in known[vendor].products):
            draft.mistake(
                ("server", "host_routes", host), f"{target} is no vendor, and no vendor/product"
            )
    listen, admin = server.get("listen", ServerSettings().listen), server.get("admin_listen", "")
    if listen == admin and not admin.endswith(":0"):  # of port 0 the system makes two
        draft.mistake(
            ("server", "admin_listen"),
            "is the same address as server.listen; leave it empty to share",
        )
    refuse, leave = (
        ledger.get(name, getattr(LedgerSettings(), name))
        for name in ("stall_refuse_s", "stall_exit_s")
    )
    if leave < refuse:
        draft.mistake(("ledger", "stall_exit_s"), "must not be shorter than ledger.stall_refuse_s")


# ── vendors ─────────────────────────────────────────────────────────────────────────────────────


def _vendors(
    draft: Draft, environ: Mapping[str, str], known: Mapping[str, Vendor]
) -> dict[str, VendorSettings]:
    """Those that exist; a wrong name is one mistake, whatever stands below it."""
    found: dict[str, VendorSettings] = {}
    for name in dict.fromkeys(full[1] for full in draft.below(("vendors",)) if len(full) > 1):
        if name in known:
            found[name] = _vendor(draft, known[name], environ)
        elif draft.below(("vendors", name)):
            hint = meant(name, known) or f"known: {', '.join(sorted(known))}"
            draft.drop(("vendors", name), f"unknown vendor ({hint})")
    return found


def _vendor(draft: Draft, known: Vendor, environ: Mapping[str, str]) -> VendorSettings:
    above = ("vendors", known.name)
    draft.below(above)  # an empty table says that the vendor is wanted
    found = draft.section(above, VendorSettings, skip=frozenset({"name", "accounts", "sandbox"}))
    base_url = found.setdefault("base_url", known.base_url)
    found["hosts"] = product_hosts(known, base_url) | found.get("hosts", {})
    check = partial(values.check_url, plain_http=found.get("allow_plain_http", False))
    draft.checked((*above, "base_url"), partial(check, base_url))
    for product, url in found["hosts"].items():
        if product not in known.products:
            draft.mistake(
                (*above, "hosts", product), f"unknown host ({meant(product, known.products)})"
            )
        elif ".".join((*above, "hosts", product)) in draft.origins:
            draft.checked((*above, "hosts", product), partial(check, url))
    sandbox = _sandbox(draft, above)
    accounts, sandbox_used = _accounts(draft, above, known, environ, sandbox)
    return VendorSettings(**found, name=known.name, accounts=accounts, sandbox=sandbox_used)


def _sandbox(draft: Draft, above: Name) -> str:
    """`true`, `false` or `auto`."""
    given = draft.take((*above, "sandbox"))
    if given is None or given.value is False:
        return "false"
    if given.value is True:
        return "true"
    if str(given.value).lower() not in ("true", "false", "auto") or not isinstance(
        given.value, str
    ):
        draft.mistake((*above, "sandbox"), 'must be true, false or "auto"')
    return str(given.value).lower()


@dataclass(frozen=True, slots=True)
class _Credential:
    """One account's secret as the settings tell where it is. value: None while its variable is
    unset."""

    place: str
    value: str | None


def _accounts(
    draft: Draft, above: Name, known: Vendor, environ: Mapping[str, str], sandbox: str
) -> tuple[dict[str, AccountSettings], bool]:
    """The vendor's credentials, and whether our own stand-in takes its place."""
    table = (*above, "accounts")
    names = dict.fromkeys(full[3] for full in draft.below(table) if len(full) > 3)
    sids = {name: draft.value((*table, name, "account_sid"), str) or "" for name in names}
    credentials = {name: _credential(draft, (*table, name, "secret"), environ) for name in names}
    present = [
        found for found in credentials.values() if found is not None and found.value is not None
    ]
    wrong = [name for name, found in credentials.items() if found is None]
    if sandbox == "true" or (sandbox == "auto" and not present and not wrong):
        secret = Secret(SANDBOX_SECRET)
        return {
            name: AccountSettings(name, secret, sids.get(name, ""))
            for name in names or ("default",)
        }, True
    if not names:
        draft.mistake(
            table, 'needs an account: [vendors.NAME.accounts.default] with secret = "env:NAME"'
        )
    accounts: dict[str, AccountSettings] = {}
    for name, found in credentials.items():
        value = _checked_secret(draft, (*table, name, "secret"), found, known)
        if value is not None:
            accounts[name] = AccountSettings(name, Secret(value), sids[name])
    return accounts, False


def _credential(draft: Draft, name: Name, environ: Mapping[str, str]) -> _Credential | None:
    """None: it is not told properly where the secret is; noted, never shown."""
    given = draft.take(name)
    if given is None:
        draft.mistake(name, 'is missing: "env:NAME" or "file:PATH"')
        return None
    kind, _, place = given.value.partition(":") if isinstance(given.value, str) else ("", "", "")
    if kind == "env" and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", place):
        return _Credential(given.value, environ.get(place, "").strip() or None)
    if kind == "file" and place:
        try:
            return _Credential(given.value, _secret_from_file(place))
        except ValueError as exc:
            draft.mistake(name, str(exc))
            return None
    draft.mistake(
        name, 'must be "env:NAME" or "file:PATH": a secret itself never stands in the settings'
    )
    return None


def _secret_from_file(path: str) -> str:
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


def _checked_secret(
    draft: Draft, name: Name, found: _Credential | None, known: Vendor
) -> str | None:
    if found is None:
        return None
    if found.value is None:
        draft.mistake(
            name, f"the environment variable {found.place.removeprefix('env:')} is not set"
        )
        return None
    register_secret(found.value)
    wrong = _form_mistake(found.value) or known.mistakes(Credential(found.value)).get("secret")
    if wrong:
        draft.mistake(name, f"{found.place}: {wrong}")
        return None
    return found.value


def _form_mistake(secret: str) -> str | None:
    if len(secret) > SECRET_CHARS_MAX or re.fullmatch(r"[!-~]+", secret) is None:
        return "must be one line of printable ASCII without spaces"
    return None


def _admin_key(draft: Draft, environ: Mapping[str, str]) -> Secret | None:
    value, path = environ.get("KEYBRAKE_ADMIN_KEY"), environ.get("KEYBRAKE_ADMIN_KEY_FILE")
    if value is not None and path is not None:
        draft.mistake_of(
            "KEYBRAKE_ADMIN_KEY_FILE", "KEYBRAKE_ADMIN_KEY is set too; which of them is it?"
        )
    origin = "KEYBRAKE_ADMIN_KEY" if path is None else "KEYBRAKE_ADMIN_KEY_FILE"
    try:
        key = _secret_from_file(path) if path is not None else value
    except ValueError as exc:
        draft.mistake_of(origin, str(exc))
        return None
    if key is None:
        return None
    register_secret(key)
    wrong = _form_mistake(key)
    if len(key) < ADMIN_KEY_CHARS_MIN:
        wrong = f"must have {ADMIN_KEY_CHARS_MIN} or more characters"
    if wrong:
        draft.mistake_of(origin, wrong)
        return None
    draft.origins["admin_key"] = origin
    return Secret(key)


# ── showing ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting as it is in force. value: a plain value; a secret as [secret]. origin: file and
    line, the variable's name, or `default`."""

    name: str
    value: Any
    origin: str


def show(settings: Settings) -> list[Shown]:
    """Every setting in force, in the order of `gateway/settings.py`."""
    rows = list(_rows(settings, ""))
    return [Shown(name, value, settings.origins.get(name, "default")) for name, value in rows]


def _rows(node: Any, above: str) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    items = (
        ((field.name, getattr(node, field.name)) for field in fields(node))
        if is_dataclass(node)
        else node.items()
    )
    for name, value in items:
        dotted = f"{above}.{name}" if above else name
        if dotted == "origins" or (name == "name" and above):
            continue
        if is_dataclass(value) or (isinstance(value, Mapping) and value):
            rows += _rows(value, dotted)
        else:
            rows.append((dotted, _plain(value)))
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return str(value)
    return (
        list(value)
        if isinstance(value, tuple)
        else dict(value)
        if isinstance(value, Mapping)
        else value
    )
