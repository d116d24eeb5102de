"""gateway.toml and the environment become frozen `Settings`, or one list of all that is wrong with
them.

Three layers, the later one wins: the settings' own defaults, the file, environment variables such
as KEYBRAKE__SERVER__LISTEN. Secrets never stand in the file: it says `"env:NAME"` or `"file:PATH"`.

A vendor with `sandbox = "auto"` whose credentials are all unset environment variables is served by
our own stand-in, which the log, /readyz and every page say loudly; with some set and some not, the
unset ones are mistakes (`accounts.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from gateway.http import tls
from gateway.run import values
from gateway.run.accounts import SECRET, form_mistake, read_accounts, secret_from_file
from gateway.run.draft import Draft, meant
from gateway.run.layers import ConfigMistakes, Given, Name, from_environment, from_file
from gateway.run.log import register_secret
from gateway.run.modules import discovered, product_hosts, with_prices
from gateway.settings import (
    DashboardSettings,
    LedgerSettings,
    LogSettings,
    MoneySettings,
    ReconcilerSettings,
    Secret,
    ServerSettings,
    Settings,
    VendorSettings,
)
from vendors.contract import PriceTableMistake, Vendor

__all__ = ["ConfigMistakes", "Shown", "load", "load_ledger", "secret_files", "show"]

DEFAULT_FILE: Final = "gateway.toml"
ADMIN_KEY_CHARS_MIN: Final = 24

DEFAULT_VENDORS: Final[Mapping[str, Mapping[Name, Any]]] = {
    "stripe": {
        ("sandbox",): "auto",
        ("accounts", "default", "secret"): "env:STRIPE_SECRET_KEY",
    },
    "twilio": {
        ("sandbox",): "auto",
        ("accounts", "default", "account_sid"): "env:TWILIO_ACCOUNT_SID",
        ("accounts", "default", "secret"): "env:TWILIO_AUTH_TOKEN",
    },
    "resend": {
        ("sandbox",): "auto",
        ("calls_per_second_max",): 10,
        ("accounts", "default", "secret"): "env:RESEND_API_KEY",
    },
}
"""What stands when no file names a vendor: as the gateway.toml that ships."""


def load(
    path: Path | None, environ: Mapping[str, str], known: Mapping[str, Vendor] | None = None
) -> Settings:
    """path: None takes gateway.toml from the working directory if there is one. known: the vendors'
    modules, all that are installed if none are given. Raises ConfigMistakes."""
    known = discovered() if known is None else known
    if path is None and Path(DEFAULT_FILE).exists():
        path = Path(DEFAULT_FILE)
    given = from_file(path) if path is not None else {}
    if not any(name[0] == "vendors" for name in given):
        given |= _default_vendors(known)
    draft = Draft(given | from_environment(environ))
    server = draft.section(("server",), ServerSettings)
    ledger = draft.section(("ledger",), LedgerSettings)
    money = draft.section(("money",), MoneySettings)
    reconciler = draft.section(("reconciler",), ReconcilerSettings)
    dashboard = draft.section(("dashboard",), DashboardSettings)
    log = draft.section(("log",), LogSettings)
    vendors = _vendors(draft, environ, known)
    _check_together(draft, server, ledger, known)
    _check_edge(draft, server)
    admin_key = _admin_key(draft, environ)
    draft.finish()
    return Settings(
        server=ServerSettings(**server),
        ledger=LedgerSettings(**ledger),
        money=MoneySettings(**money),
        vendors=vendors,
        reconciler=ReconcilerSettings(**reconciler),
        dashboard=DashboardSettings(**dashboard),
        log=LogSettings(**log),
        admin_key=admin_key,
        origins=draft.origins | draft.remarks,
    )


def load_ledger(path: Path | None, environ: Mapping[str, str]) -> LedgerSettings:
    """[ledger] alone: whoever looks after the books needs no vendor's secret. Raises
    ConfigMistakes."""
    if path is None and Path(DEFAULT_FILE).exists():
        path = Path(DEFAULT_FILE)
    given = (from_file(path) if path is not None else {}) | from_environment(environ)
    draft = Draft({name: value for name, value in given.items() if name[0] == "ledger"})
    ledger = draft.section(("ledger",), LedgerSettings)
    draft.finish()
    return LedgerSettings(**ledger)


def secret_files(path: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Where secrets lie that are read from files, by the setting or the variable that names them.
    For settings that load. Raises ConfigMistakes."""
    if path is None and Path(DEFAULT_FILE).exists():
        path = Path(DEFAULT_FILE)
    given = (from_file(path) if path is not None else {}) | from_environment(environ)
    files = {
        ".".join(name): value.value.removeprefix("file:")
        for name, value in given.items()
        if name[0] == "vendors" and name[-1] == SECRET and str(value.value).startswith("file:")
    }
    if "KEYBRAKE_ADMIN_KEY_FILE" in environ:
        files["KEYBRAKE_ADMIN_KEY_FILE"] = environ["KEYBRAKE_ADMIN_KEY_FILE"]
    return files


def _default_vendors(known: Mapping[str, Vendor]) -> dict[Name, Given]:
    return {
        ("vendors", vendor, *name): Given(value, "default")
        for vendor, table in DEFAULT_VENDORS.items()
        if vendor in known
        for name, value in table.items()
    }


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


def _check_edge(draft: Draft, server: Mapping[str, Any]) -> None:
    """The certificate has its key; who speaks for others is named."""

    def is_wrong(name: str) -> bool:
        """Noted already."""
        return name not in server and f"server.{name}" in draft.origins

    cert_file, key_file = server.get("tls_cert_file", ""), server.get("tls_key_file", "")
    if cert_file and not is_wrong("tls_key_file"):
        draft.checked(
            ("server", "tls_key_file" if key_file else "tls_cert_file"),
            partial(tls.load, cert_file, key_file),
        )
    elif key_file and not cert_file and not is_wrong("tls_cert_file"):
        draft.mistake(("server", "tls_key_file"), "needs server.tls_cert_file beside it")
    proxies = server.get("trusted_proxies")
    if server.get("proxy_protocol") and not proxies and not is_wrong("trusted_proxies"):
        draft.mistake(
            ("server", "proxy_protocol"),
            "needs server.trusted_proxies: the balancers that write the header",
        )


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
    _check_prices(draft, above, known, found.get("prices_file", ""))
    sandbox = _sandbox(draft, above)
    accounts = read_accounts(draft, (*above, "accounts"), known, environ, sandbox)
    if sandbox == "auto":  # the line says auto, and what is in force is true or false
        dotted = ".".join((*above, "sandbox"))
        draft.remarks[dotted] = f'{draft.origins.get(dotted, "default")} ("auto")'
    return VendorSettings(
        **found, name=known.name, accounts=accounts.by_name, sandbox=accounts.stand_in
    )


def _check_prices(draft: Draft, above: Name, known: Vendor, file: str) -> None:
    if file:
        try:
            with_prices(known, file)
        except PriceTableMistake as exc:
            draft.mistake((*above, "prices_file"), str(exc))


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


def _admin_key(draft: Draft, environ: Mapping[str, str]) -> Secret | None:
    value, path = environ.get("KEYBRAKE_ADMIN_KEY"), environ.get("KEYBRAKE_ADMIN_KEY_FILE")
    if value is not None and path is not None:
        draft.mistake_of(
            "KEYBRAKE_ADMIN_KEY_FILE", "KEYBRAKE_ADMIN_KEY is set too; which of them is it?"
        )
    origin = "KEYBRAKE_ADMIN_KEY" if path is None else "KEYBRAKE_ADMIN_KEY_FILE"
    try:
        key = secret_from_file(path) if path is not None else value
    except ValueError as exc:
        draft.mistake_of(origin, str(exc))
        return None
    if key is None:
        return None
    register_secret(key)
    wrong = form_mistake(key)
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


def show(settings: Settings, vendors: Mapping[str, Vendor]) -> list[Shown]:
    """Every setting in force, in the order of `gateway/settings.py`, and the day of each table of
    prices. vendors: as they are furnished by these settings."""
    shown = []
    for name, value in _rows(settings, "", settings.origins):
        shown.append(Shown(name, value, settings.origins.get(name, "default")))
        if name.endswith(".prices_file"):
            date = vendors[name.split(".")[1]].prices_date
            if date:
                shown.append(Shown(f"{name.removesuffix('file')}date", date, value or "ships"))
    return shown


def _rows(node: Any, above: str, origins: Mapping[str, str]) -> list[tuple[str, Any]]:
    """Tables in tables as rows of their own, but for hosts that are all as the vendor has them."""
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
        usual = name == "hosts" and not any(full.startswith(f"{dotted}.") for full in origins)
        if is_dataclass(value) or (isinstance(value, Mapping) and value and not usual):
            rows += _rows(value, dotted, origins)
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
