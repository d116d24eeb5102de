"""What the parts of the house count for themselves, as families on the page of metrics.

The parts know nothing of Prometheus: they hold plain numbers, and here these get their names, units
and labels. All of it is read when somebody scrapes, in well under a millisecond.
"""

from __future__ import annotations

import calendar
import importlib.metadata
import os
import platform
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from gateway.admin.api import AdminApi
from gateway.call.doors import Doors
from gateway.http.server import Server
from gateway.metrics import Page, Series
from gateway.reconcile.crew import Reconcilers
from gateway.run import log
from gateway.run.census import Census
from gateway.run.reload import Reloads
from gateway.run.systemd import NAMES
from gateway.upstream.pool import Upstream

DAY_S: Final = 86_400
TROUBLES: Final = ("dead", "disk full", "stalled")
ACCOUNT: Final = ("vendor", "account")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STARTED_S: Final = time.time()


def of_house(doors: Doors, reconcilers: Reconcilers, census: Census) -> None:
    """What is there before the door is open."""
    page = doors.metrics.page
    doors.metrics.expect(doors.vendors)
    census.show(page)
    _ledger(page, doors)
    _audit(page, doors)
    _vendors(page, doors)
    _reconcilers(page, reconcilers)
    _tables(page, doors)


def of_process(doors: Doors, admin: AdminApi, servers: Sequence[Server], reloads: Reloads) -> None:
    """The rest: listeners, reloads, the process itself."""
    page = doors.metrics.page
    page.gauge(
        "keybrake_ready",
        "1 while calls are carried: neither draining nor without a journal.",
        lambda: int(not admin.draining and doors.ledger.trouble is None),
    )
    page.family(
        "gauge",
        "keybrake_connections",
        "Open connections of callers.",
        ("listener",),
        lambda: [((n,), one.connections) for n, one in zip(NAMES, servers, strict=False)],
    )
    page.family(
        "counter",
        "keybrake_reloads_total",
        "Times that the settings were read again.",
        ("result",),
        lambda: [(("applied",), reloads.applied), (("refused",), reloads.refused)],
    )
    page.gauge(
        "keybrake_reload_last_successful",
        "0 while the settings on disk are not those in force.",
        lambda: int(reloads.last_was_applied),
    )
    page.gauge(
        "keybrake_settings_loaded_timestamp_seconds",
        "When the settings in force were read.",
        lambda: reloads.applied_at_s,
    )
    _edge(page, servers)
    _process(page)


def _edge(page: Page, servers: Sequence[Server]) -> None:
    """What happens before a request is one, and to the lines that tell of it."""
    for name, text, read in (
        (
            "tls_handshakes_failed_total",
            "TLS handshakes that failed or took too long.",
            lambda: sum(one.handshakes_failed for one in servers),
        ),
        (
            "proxy_headers_refused_total",
            "Connections of trusted balancers without a PROXY header.",
            lambda: sum(one.proxy_headers_refused for one in servers),
        ),
        (
            "slow_readers_cut_off_total",
            "Answers cut off since too many clients took nothing of theirs.",
            lambda: sum(one.cut_off for one in servers),
        ),
        (
            "log_lines_dropped_total",
            "Log lines that a slow reader of stderr left no room for.",
            lambda: log.way()[0].dropped,
        ),
    ):
        page.family("counter", f"keybrake_{name}", text, (), _alone(read))


def _ledger(page: Page, doors: Doors) -> None:
    ledger = doors.ledger

    def number(name: str) -> Callable[[], float]:
        return lambda: ledger.metrics()[name]

    page.family(
        "gauge",
        "keybrake_ledger_trouble",
        "1: holds are refused, for this reason.",
        ("reason",),
        lambda: [((one.replace(" ", "_"),), int(ledger.trouble == one)) for one in TROUBLES],
    )
    for kind, name, text, of in (
        ("gauge", "accounts", "Budgets in the books.", "accounts"),
        ("gauge", "holds", "Holds that the books know by themselves.", "holds"),
        ("gauge", "queued_entries", "Entries that wait for the disk.", "queued"),
        ("gauge", "batch_entries_max", "Entries of the largest commit.", "batch_entries_max"),
        ("gauge", "commit_seconds_max", "The longest commit.", "commit_seconds_max"),
        ("counter", "entries_total", "Entries on disk since the start.", "entries"),
        ("counter", "full_total", "Commits that found no room.", "full"),
        ("counter", "behind_total", "Holds refused since too many waited for the disk.", "behind"),
    ):
        page.family(kind, f"keybrake_ledger_{name}", text, (), _alone(number(of)))
    page.summary(
        "keybrake_ledger_commit_seconds",
        "Commits of the journals, disk sync included; entries by commits is the batch size.",
        lambda: (ledger.metrics()["commit_seconds"], int(ledger.metrics()["batches"])),
    )


def _audit(page: Page, doors: Doors) -> None:
    history = doors.history
    page.gauge(
        "keybrake_audit_waiting_rows",
        "Rows of the audit log that wait to be written.",
        lambda: history.metrics()["waiting"],
    )
    page.family(
        "counter",
        "keybrake_audit_written_total",
        "Rows and changes written since the start.",
        (),
        _alone(lambda: history.metrics()["written"]),
    )

    def dropped() -> list[Series]:
        pairs = ((n.partition("dropped_"), v) for n, v in sorted(history.metrics().items()))
        return [((kind,), value) for (_, found, kind), value in pairs if found]

    text = "What was not written; calls with a hold come back from the journals."
    page.family("counter", "keybrake_audit_dropped_total", text, ("kind",), dropped)
    page.gauge(
        "keybrake_audit_trouble",
        "1: the audit log takes nothing at the moment. Calls go on.",
        lambda: int(history.trouble is not None),
    )


def _vendors(page: Page, doors: Doors) -> None:
    def each(read: Callable[[Upstream], float]) -> Callable[[], list[Series]]:
        return lambda: [(name, read(one)) for name, one in sorted(doors.upstreams.accounts.items())]

    def ends() -> list[Series]:
        accounts = sorted(doors.upstreams.accounts.items())
        return [((*name, end), n) for name, one in accounts for end, n in one.counts.ends.items()]

    def connections() -> list[Series]:
        return [
            ((*name, state), number)
            for name, one in sorted(doors.upstreams.accounts.items())
            for state, number in (("busy", one.connections - one.idle), ("idle", one.idle))
        ]

    page.family(
        "counter",
        "keybrake_vendor_requests_total",
        "Requests to vendors, look-ups among them, by answer's class or how else they ended.",
        (*ACCOUNT, "result"),
        ends,
    )
    text = "Connections to vendors."
    page.family("gauge", "keybrake_vendor_connections", text, (*ACCOUNT, "state"), connections)
    for kind, name, text, read in (
        ("gauge", "in_flight", "Requests under way.", lambda one: one.in_flight),
        ("counter", "connections_opened_total", "Connections made.", lambda o: o.counts.opened),
        (
            "counter",
            "connections_reused_total",
            "Requests on a kept one.",
            lambda o: o.counts.reused,
        ),
        (
            "counter",
            "connections_stale_total",
            "Idle ones that were ended, spoiled or too old.",
            lambda one: one.counts.closed_stale,
        ),
    ):
        page.family(kind, f"keybrake_vendor_{name}", text, ACCOUNT, each(read))
    page.family(
        "gauge",
        "keybrake_vendor_sandbox",
        "1: calls go to a stand-in, no money moves.",
        ("vendor",),
        lambda: [((name,), int(vendor.sandbox)) for name, vendor in doors.settings.vendors.items()],
    )


def _reconcilers(page: Page, reconcilers: Reconcilers) -> None:
    page.family(
        "gauge",
        "keybrake_reconciler_queue",
        "What is open and waits for its next look.",
        ACCOUNT,
        lambda: [((one.vendor, one.account), one.queued) for one in reconcilers.work()],
    )
    page.family(
        "counter",
        "keybrake_reconciler_lookups_total",
        "Look-ups at the vendor.",
        ACCOUNT,
        lambda: [((one.vendor, one.account), one.asked) for one in reconcilers.work()],
    )


def _tables(page: Page, doors: Doors) -> None:
    """Dates of what is looked up in tables: they age."""
    page.gauge(
        "keybrake_rates_age_seconds",
        "Age of the exchange rates, whole days.",
        lambda: (doors.rates().age_days or 0) * DAY_S,
    )
    page.gauge(
        "keybrake_rates_stale",
        "1: the rates are too old, and only USD is priced.",
        lambda: int(doors.rates().stale),
    )

    def dates() -> list[Series]:
        dated = ((name, vendor.prices_date) for name, vendor in doors.vendors.items())
        return [((name,), _midnight_s(date)) for name, date in sorted(dated) if date]

    text = "The day that a vendor's table of prices is of."
    page.family("gauge", "keybrake_prices_timestamp_seconds", text, ("vendor",), dates)


def _process(page: Page) -> None:
    version, python = importlib.metadata.version("keybrake"), platform.python_version()
    page.family(
        "gauge",
        "keybrake_build_info",
        "Always 1.",
        ("version", "python"),
        lambda: [((version, python), 1)],
    )
    page.family(
        "counter",
        "process_cpu_seconds_total",
        "User and system time.",
        (),
        _alone(lambda: sum(os.times()[:2])),
    )
    for name, text, read in (
        ("resident_memory_bytes", "Memory in use.", _resident_bytes),
        ("open_fds", "File descriptors in use.", lambda: len(os.listdir("/proc/self/fd"))),
        ("max_fds", "And how many there may be.", _descriptors_max),
        ("start_time_seconds", "When the process began.", lambda: _STARTED_S),
    ):
        page.gauge(f"process_{name}", text, read)


def _alone(read: Callable[[], float]) -> Callable[[], Iterable[Series]]:
    """A number without labels."""
    return lambda: [((), read())]


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


def _descriptors_max() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _midnight_s(date: str) -> int:
    """`2026-11-23` as seconds since 1970, UTC."""
    return calendar.timegm(time.strptime(date, "%Y-%m-%d"))
