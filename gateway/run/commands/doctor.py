"""`keybrake doctor`: is this machine ready to serve, and does the gateway answer? Changes
nothing."""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import socket
import sys
import zoneinfo
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.run.commands import api, local, show
from gateway.run.config import ConfigMistakes
from gateway.settings import Settings

MODULES: Final = ("aiosqlite", "h11", "httpcore", "orjson", "sniffio", "uvloop")
DESCRIPTORS_MIN: Final = 4_096
CONNECT_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. mark: ok, note (works, but know it) or bad (will not work)."""

    mark: str
    what: str
    detail: str


def add(groups: Any) -> None:
    parser = groups.add_parser("doctor", help="is this machine ready, and does the gateway answer?")
    local.add_config_option(parser)
    api.add_options(parser)
    parser.set_defaults(handle=run)


def run(args: argparse.Namespace) -> int:
    findings = list(_machine())
    try:
        settings = local.settings_of(args)
    except ConfigMistakes as exc:
        findings += (Finding("bad", "settings", mistake) for mistake in exc.mistakes)
    else:
        findings += _settings(settings)
    findings.append(gateway_finding(args.url))
    rows = [{"mark": f.mark, "what": f.what, "detail": f.detail} for f in findings]
    if args.json:
        show.as_json(rows)
    else:
        for finding in findings:
            print(f"{finding.mark:<4}  {finding.what:<10}  {finding.detail}")
    return 1 if any(finding.mark == "bad" for finding in findings) else 0


def _machine() -> Iterator[Finding]:
    new_enough = sys.version_info >= (3, 11)
    yield Finding("ok" if new_enough else "bad", "python", sys.version.split()[0])
    missing = [name for name in MODULES if not _there(partial(importlib.import_module, name))]
    yield Finding("bad" if missing else "ok", "modules", ", ".join(missing) or "all there")
    zones = _there(partial(zoneinfo.ZoneInfo, "Europe/Berlin"))
    yield Finding("ok" if zones else "bad", "zones", "there" if zones else "none: install tzdata")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = hard == resource.RLIM_INFINITY or hard >= DESCRIPTORS_MIN
    yield Finding("ok" if enough else "note", "files", f"{hard} descriptors at most")


def _settings(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", "settings", f"{len(settings.origins)} beside the defaults")
    databases = (*settings.ledger.shards, settings.ledger.audit)
    for folder in dict.fromkeys(Path(name.partition(":")[2]).parent for name in databases):
        yield folder_finding(folder)
    yield address_finding(settings.server.listen)
    for vendor in settings.vendors.values():
        if vendor.sandbox:
            yield Finding("note", vendor.name, "no real credentials: our own sandbox answers")
        else:
            yield vendor_finding(vendor.name, vendor.base_url)


def folder_finding(folder: Path) -> Finding:
    """The folder of a database: there and writable, or can be made."""
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Finding(
            "ok", "ledger", f"{folder} is writable" if there == folder else f"{folder} will be made"
        )
    return Finding("bad", "ledger", f"{folder}: {there} is not a folder we may write to")


def address_finding(address: str) -> Finding:
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host.strip("[]"), int(port)))
        except OSError as exc:
            return Finding("note", "address", f"{address}: {exc.strerror} (by a running gateway?)")
    return Finding("ok", "address", f"{address} is free")


def vendor_finding(name: str, base_url: str) -> Finding:
    """Only whether a connection can be made: nothing is sent, no credential is shown."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), CONNECT_TIMEOUT_S):
            return Finding("ok", name, f"{base_url} takes connections")
    except OSError as exc:
        return Finding("bad", name, f"{base_url}: {exc.strerror or exc}")


def gateway_finding(url: str) -> Finding:
    try:
        ready = api.Api(url, "").get("/readyz")
    except api.Refused as exc:
        return Finding("bad", "gateway", f"{url} is not ready: {exc}")
    except api.CommandFailed:
        return Finding("note", "gateway", f"none answers at {url}")
    return Finding("ok", "gateway", f"{url} is ready{_stand_ins(ready)}")


def _stand_ins(ready: Any) -> str:
    names = ready.get("sandbox") if isinstance(ready, dict) else None
    return f"; a sandbox stands in for {', '.join(names)}" if names else ""


def _there(look: Callable[[], object]) -> bool:
    try:
        look()
    except (ImportError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True
