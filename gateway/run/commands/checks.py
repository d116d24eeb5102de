"""What `keybrake doctor` looks at, a function for each thing. Nothing is changed and nothing that
costs is called; a credential is never shown.

A mark is ok, warn (it works, but know it) or fail (it will not work); whatever is not ok says what
to do.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import shutil
import site
import socket
import ssl
import sys
import time
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.http import tls
from gateway.run.commands import api
from gateway.settings import LedgerSettings, Settings
from ledger import SQLITE_VERSION, LedgerRefused, copies_in
from ledger.copier import ROOM_LEFT_BYTES
from ledger.lock import Lock
from vendors.contract import Vendor
from vendors.rates import Rates, RatesMistake

MODULES: Final = ("aiosqlite", "h11", "httpcore", "jinja2", "orjson", "sniffio", "uvloop")
AT_START: Final = frozenset({"distutils-precedence.pth", "a1_coverage.pth"})
"""What setuptools, and coverage for the tests, have run at the start of every Python here."""
DESCRIPTORS_MIN: Final = 4_096
CONNECT_TIMEOUT_S: Final = 5.0
ROOM_WARN_BYTES: Final = 1024**3
BACKUP_DAYS: Final = 2
TLS_DAYS: Final = 21
PRICES_DAYS: Final = 120
_DAY_S: Final = 86_400
_TIME_ERROR: Final = 5
"""What adjtimex answers on a machine whose clock nobody keeps right (adjtimex(2))."""


@dataclass(frozen=True, slots=True)
class Finding:
    mark: str
    what: str
    detail: str
    do: str = ""


# ── the machine ─────────────────────────────────────────────────────────────────────────────────


def machine() -> Iterator[Finding]:
    new_enough = sys.version_info >= (3, 11)
    yield Finding(
        "ok" if new_enough else "fail", "python", sys.version.split()[0],
        "" if new_enough else "install Python 3.11 or newer",
    )  # fmt: skip
    yield Finding("ok", "sqlite", f"{SQLITE_VERSION}; one connection writes each journal")
    missing = [name for name in MODULES if not _there(partial(importlib.import_module, name))]
    yield Finding(
        "fail" if missing else "ok", "modules", ", ".join(missing) or "all there",
        "make .venv/.run" if missing else "",
    )  # fmt: skip
    zones = _there(partial(zoneinfo.ZoneInfo, "Europe/Berlin"))
    yield Finding(
        "ok" if zones else "fail", "zones", "there" if zones else "none",
        "" if zones else "install tzdata",
    )  # fmt: skip
    yield at_start(_site_folders())
    yield descriptors()
    yield clock()


def at_start(folders: Iterable[str]) -> Finding:
    """Does code of a package run at the start of each Python, before a line of ours? Stolen
    packages have come that way."""
    found = [
        path
        for folder in map(Path, folders)
        for pattern in ("*.pth", "sitecustomize.py", "usercustomize.py")
        for path in sorted(folder.glob(pattern))
        if path.name not in AT_START and _runs(path)
    ]
    if not found:
        return Finding("ok", "at start", "no package runs code before the gateway's own")
    return Finding(
        "warn", "at start", ", ".join(str(path) for path in found),
        "find out which package put it there; it reads every secret that the gateway reads",
    )  # fmt: skip


def _site_folders() -> list[str]:
    """Where this Python looks for packages at its start; the binary's looks nowhere."""
    if sys.flags.no_site:
        return []
    return [
        *site.getsitepackages(),
        *([site.getusersitepackages()] if site.ENABLE_USER_SITE else []),
    ]


def _runs(path: Path) -> bool:
    """A .pth names folders; a line of it that begins with `import` is run (site.py)."""
    if path.suffix == ".py":
        return True
    lines = path.read_text(errors="replace").splitlines()
    return any(line.startswith(("import ", "import\t")) for line in lines)


def descriptors() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= DESCRIPTORS_MIN
    return Finding(
        "ok" if enough else "warn", "ulimit", f"{hard} open files at most",
        "" if enough else "raise it (ulimit -Hn, LimitNOFILE=): each call takes two",
    )  # fmt: skip


def clock(state: Callable[[], int] | None = None) -> Finding:
    """Is it kept right by somebody? Caps end at midnight, and revokes and expiries are moments."""
    try:
        kept = (state or _adjtimex)() != _TIME_ERROR
    except (OSError, AttributeError):
        return Finding("ok", "clock", "this system does not say whether it is kept right")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if kept:
        return Finding("ok", "clock", f"{now}, synchronised")
    return Finding("warn", "clock", f"{now}, not synchronised", "run chrony or systemd-timesyncd")


def _adjtimex() -> int:
    return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)))


# ── what the settings name ──────────────────────────────────────────────────────────────────────


def settled(
    settings: Settings, vendors: Mapping[str, Vendor], *, is_ready: bool
) -> Iterator[Finding]:
    """is_ready: a gateway answers, so that it may have what is asked for here."""
    yield Finding("ok", "settings", f"{len(settings.origins)} beside the defaults")
    databases = (*settings.ledger.shards, settings.ledger.audit)
    for folder in dict.fromkeys(Path(name.partition(":")[2]).parent for name in databases):
        yield folder_finding(folder)
    first = Path(settings.ledger.shards[0].partition(":")[2]).parent
    yield from room_and_lock(first, is_ready=is_ready)
    yield backup_finding(settings.ledger)
    for name in ("listen", "admin_listen"):
        if address := getattr(settings.server, name):
            yield address_finding(address, is_ready=is_ready)
    if settings.server.tls_cert_file:
        yield tls_finding(settings.server.tls_cert_file, settings.server.tls_key_file)
    yield rates_finding(settings)
    for vendor in settings.vendors.values():
        if vendor.sandbox:
            yield Finding(
                "warn", vendor.name, "no real credentials: our own sandbox answers",
                "set its credentials to serve the real thing",
            )  # fmt: skip
        else:
            yield vendor_finding(vendor.name, vendor.base_url)
        yield from prices_finding(vendor.name, vendors[vendor.name].prices_date)


def folder_finding(folder: Path) -> Finding:
    """The folder of a database: there and writable, or can be made."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        words = f"{folder} is writable" if there == folder else f"{folder} will be made"
        return Finding("ok", "folder", words)
    return Finding(
        "fail", "folder", f"{folder}: {there} is not a folder we may write to",
        "make it, and give it to whoever runs the gateway",
    )  # fmt: skip


def room_and_lock(folder: Path, *, is_ready: bool) -> Iterator[Finding]:
    if not folder.is_dir():
        return
    free = shutil.disk_usage(folder).free
    mark = "fail" if free < ROOM_LEFT_BYTES else "warn" if free < ROOM_WARN_BYTES else "ok"
    yield Finding(
        mark, "disk", f"{free // 1024**2:,} MiB free in {folder}",
        "" if mark == "ok" else "make room: without it no hold can be recorded",
    )  # fmt: skip
    try:
        Lock(folder).release()
    except LedgerRefused:
        yield Finding(
            "ok" if is_ready else "warn", "ledger", f"{folder} is in use by a process",
            "" if is_ready else "a gateway that does not answer has it, or a backup",
        )  # fmt: skip
    else:
        yield Finding("ok", "ledger", f"nobody has {folder} open")


def backup_finding(ledger: LedgerSettings) -> Finding:
    folder = folder_finding(Path(ledger.backups))
    if folder.mark == "fail":
        return replace(folder, what="backup")
    copies = copies_in(Path(ledger.backups))
    if not copies:
        return Finding("warn", "backup", f"there is none in {ledger.backups}", "keybrake backup")
    age_days = (time.time() - copies[-1].stat().st_mtime) / _DAY_S
    old = age_days > BACKUP_DAYS
    return Finding(
        "warn" if old else "ok", "backup", f"{copies[-1].name}, {age_days:.1f} days old",
        "keybrake backup, and a timer for it" if old else "",
    )  # fmt: skip


def address_finding(address: str, *, is_ready: bool) -> Finding:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.strip("[]"), int(port)))
        except OSError as exc:
            if is_ready:
                return Finding("ok", "address", f"{address} is taken, and a gateway answers")
            return Finding(
                "fail", "address", f"{address}: {exc.strerror}",
                "stop what listens there, or set KEYBRAKE__SERVER__LISTEN to another one",
            )  # fmt: skip
    return Finding("ok", "address", f"{address} is free")


def tls_finding(cert_file: str, key_file: str, now_s: float | None = None) -> Finding:
    try:
        tls.load(cert_file, key_file)
        found: Mapping[str, Any] = ssl._ssl._test_decode_cert(cert_file)  # type: ignore[attr-defined]
        left_days = (ssl.cert_time_to_seconds(found["notAfter"]) - (now_s or time.time())) / _DAY_S
    except (OSError, ValueError, KeyError, ssl.SSLError) as exc:
        return Finding("fail", "tls", f"{cert_file}: {exc}", "put a whole chain and its key there")
    if left_days > TLS_DAYS:
        return Finding("ok", "tls", f"{cert_file} is good until {found['notAfter']}")
    mark = "fail" if left_days <= 0 else "warn"
    return Finding(mark, "tls", f"{cert_file} ends {found['notAfter']}", "renew it")


def rates_finding(settings: Settings) -> Finding:
    money = settings.money
    try:
        rates = Rates.load(money.rates_file, money.rates_margin_percent, money.rates_age_max_days)
    except RatesMistake as exc:
        return Finding("fail", "rates", str(exc), "keybrake rates FILE writes a whole one")
    rates = rates.at(time.time_ns() // 1_000)
    return Finding(
        "warn" if rates.stale else "ok", "rates", f"of {rates.date}, {rates.age_days} days old",
        "keybrake rates FILE, and name it in money.rates_file: now USD only is priced"
        if rates.stale else "",
    )  # fmt: skip


def prices_finding(vendor: str, date: str, now_s: float | None = None) -> Iterator[Finding]:
    if date:
        begun_s = time.mktime(time.strptime(date, "%Y-%m-%d"))
        old = (now_s or time.time()) - begun_s > PRICES_DAYS * _DAY_S
        yield Finding(
            "warn" if old else "ok", "prices", f"{vendor}'s are of {date}",
            f"compare them with the vendor's, and name a table in vendors.{vendor}.prices_file"
            if old else "",
        )  # fmt: skip


def vendor_finding(name: str, base_url: str) -> Finding:
    """Only whether a connection can be made: nothing is sent, no credential is shown."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), CONNECT_TIMEOUT_S):
            return Finding("ok", name, f"{base_url} takes connections")
    except OSError as exc:
        return Finding(
            "fail", name, f"{base_url}: {exc.strerror or exc}",
            "let this machine out to it: DNS, firewall, proxy",
        )  # fmt: skip


# ── the gateway ─────────────────────────────────────────────────────────────────────────────────

NOBODY: Final = "none answers at"


def own_url(settings: Settings) -> str:
    """Where a gateway on these settings is to be asked from its own machine."""
    scheme = "https" if settings.server.tls_cert_file else "http"
    host, _, port = (settings.server.admin_listen or settings.server.listen).rpartition(":")
    if port == "0":
        return api.DEFAULT_URL  # the system picked one: nobody knows which
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}.get(host, host)
    return f"{scheme}://{host}:{port}"


def gateway_finding(url: str) -> Finding:
    try:
        ready = api.Api(url, "").get("/readyz")
    except api.Refused as exc:
        why = exc.problem.get("reasons") or str(exc)
        return Finding("fail", "gateway", f"{url} is not ready: {why}", "look at its log")
    except api.Untrusted as exc:
        why, _, todo = str(exc).partition("; ")
        return Finding("warn", "gateway", why, todo)
    except api.CommandFailed:
        return Finding("warn", "gateway", f"{NOBODY} {url}", "keybrake serve starts one")
    return Finding("ok", "gateway", f"{url} is ready{_stand_ins(ready)}")


def admin_key_finding(connect: Callable[[], api.Api]) -> Finding:
    """Does the gateway know the key that is here?"""
    try:
        connect().get("/vault/keys", {"limit": 1})
    except api.Refused as exc:
        return Finding(
            "fail", "admin key", str(exc),
            "KEYBRAKE_ADMIN_KEY is not the one that this gateway was started with",
        )  # fmt: skip
    except api.Misused as exc:
        return Finding("warn", "admin key", str(exc).partition(":")[0], "set KEYBRAKE_ADMIN_KEY")
    except api.CommandFailed as exc:
        return Finding("warn", "admin key", f"not tried: {exc}", "start the gateway")
    return Finding("ok", "admin key", "the gateway takes it")


def _stand_ins(ready: Any) -> str:
    names = ready.get("sandbox") if isinstance(ready, dict) else None
    return f"; a sandbox stands in for {', '.join(names)}" if names else ""


def _there(look: Callable[[], object]) -> bool:
    try:
        look()
    except (ImportError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True
