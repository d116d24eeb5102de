"""Every setting and every limit of the house, with its unit, its default and why it is that much.

Pure values: `gateway/run/config.py` reads them from gateway.toml and the environment. A field's
comment is its documentation; `keybrake config show` and gateway.toml repeat it for operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from vendors.contract import Credential

MIB = 1024 * 1024


class Secret:
    """A credential that shows itself to nobody: `str`, `repr` and logs give [secret]."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "[secret]"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        """No copy of it is written anywhere, by pickle or in a crash report."""
        raise TypeError("a secret is not to be copied")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    listen: str = "127.0.0.1:8080"
    """host:port of the callers' side; port 0 lets the system pick."""
    public_url: str = ""
    """How callers reach this instance; given out as base_url. Default: http:// and the listen
    address."""
    admin_listen: str = ""
    """A listener of its own for /vault, /dashboard and /metrics; empty: they share the callers'
    one."""
    connections_max: int = 10_000
    """Open client connections in total; beyond it a new one gets 503 and is closed."""
    connections_per_source_max: int = 4_096
    """From one address. High, since Make and load balancers share theirs."""
    head_bytes_max: int = 16_384
    """A request's head. SDK heads are about 1 KB; nginx takes 8 KB a line."""
    headers_max: int = 64
    """Header lines in one head."""
    target_bytes_max: int = 4_096
    """Path and query."""
    priced_body_bytes_max: int = MIB
    """A body that is read whole to be priced; beyond it 413."""
    large_bodies_bytes_max: int = 64 * MIB
    """All bodies above 64 KiB that are being read whole, together; beyond it 429. Smaller ones,
    which is what moves money, are always read."""
    metered_answer_bytes_max: int = MIB
    """An answer that is read whole to be settled; a longer one streams and settles at the quote."""
    head_timeout_s: float = 10.0
    """From a connection's first byte of a head to its last; a TLS handshake and a balancer's PROXY
    header have as long each."""
    body_timeout_s: float = 20.0
    """For a body that is read whole, from head to last byte."""
    body_rate_min: int = 1_000
    """Bytes a second that a streamed body must make on average, once body_timeout_s has passed."""
    write_timeout_s: float = 20.0
    """A client that takes nothing for so long is cut off."""
    idle_timeout_s: float = 75.0
    """Between two requests; longer than the 60 s of common load balancers."""
    drain_timeout_s: float = 30.0
    """How long calls in flight may take after SIGTERM."""
    buffer_bytes_max: int = 262_144
    """High-water mark of each direction of each connection: where flow control pauses the
    sender."""
    guesses_per_minute: int = 20
    """Unknown keys from one address before 429. A valid key is never refused for its address."""
    host_routes: Mapping[str, str] = field(default_factory=dict)
    """Exact host name -> vendor (or `vendor/product`), for SDKs that cannot hold a base path."""
    tls_cert_file: str = ""
    """A chain of certificates (PEM) for both listeners; empty: they speak plain HTTP. Read again
    when the file changes and at SIGHUP."""
    tls_key_file: str = ""
    """The key (PEM) of tls_cert_file; empty: it is in the same file."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of load balancers, the only ones whose X-Forwarded-For,
    X-Forwarded-Proto and PROXY header are believed."""
    proxy_protocol: bool = False
    """Connections from trusted_proxies begin with a PROXY header, version 1 or 2."""

    @property
    def scheme(self) -> str:
        """How our own listeners are spoken to."""
        return "https" if self.tls_cert_file else "http"


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    shards: tuple[str, ...] = ("sqlite:var/ledger-0.db", "sqlite:var/ledger-1.db")
    """One journal file, thread and hash chain each."""
    synchronous: str = "FULL"
    """FULL: a hold survives power loss. NORMAL: it survives a crash of the process only."""
    checkpoint_entries: int = 200_000
    """Entries after which the books are written whole and older entries move to an archive."""
    stall_refuse_s: float = 2.0
    """A journal without progress for so long, with holds waiting: new holds get 503."""
    stall_exit_s: float = 10.0
    """And after so long the process exits, to replay on start."""
    reserve_bytes: int = 4 * MIB
    """Kept free in a file of its own, so that settlements still fit on a full disk."""
    audit: str = "sqlite:var/audit.db"
    """The audit log; rebuilt from the journals if lost."""
    retry_memory_h: int = 20
    """How long an Idempotency-Key keeps its hold. Stripe forgets after 24 h."""
    backups: str = "var/backups"
    """The folder that copies of the books are made in (`keybrake backup`)."""


@dataclass(frozen=True, slots=True)
class MoneySettings:
    rates_file: str = ""
    """Exchange rates; empty: the table that ships with the product."""
    rates_margin_percent: str = "2"
    """Put on every rate but USD, since the vendor converts later than we do."""
    rates_age_max_days: int = 30
    """An older table prices USD only."""


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """One set of real credentials at a vendor."""

    name: str
    secret: Secret
    account_sid: str = ""
    """The account's own id, where the vendor's requests name it (Twilio: AC…)."""
    api_key_sid: str = ""
    """The API key (Twilio: SK…) that the secret belongs to; empty: it is the account's own."""

    def credential(self) -> Credential:
        """As the vendor module takes it."""
        return Credential(self.secret.reveal(), self.account_sid, self.api_key_sid)


@dataclass(frozen=True, slots=True)
class VendorSettings:
    name: str
    base_url: str
    """Where calls go; plain http only to loopback unless allow_plain_http."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Other hosts of the vendor, by their name in our path (`files`)."""
    accounts: Mapping[str, AccountSettings] = field(default_factory=dict)
    sandbox: bool = False
    """No real credentials: calls go to our own stand-in."""
    allow_plain_http: bool = False
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    connections_max: int = 512
    """Per account; beyond it calls wait up to queue_wait_s before their hold, then get 429."""
    connection_idle_s: float = 30.0
    """A kept-alive connection that was idle for longer is closed, before the vendor does."""
    connect_timeout_s: float = 10.0
    first_byte_timeout_s: float = 30.0
    """From the request's last byte to the answer's first."""
    total_timeout_s: float = 60.0
    """The whole exchange of a call that does not stream; Stripe's SDKs give up at 80 s."""
    calls_per_second_max: int = 0
    """The vendor's own limit; calls wait up to queue_wait_s before their hold. 0: not ours to
    keep."""
    queue_wait_s: float = 2.0
    prices_file: str = ""
    """A table of the vendor's prices, a JSON file; empty: the one that ships with the product."""


@dataclass(frozen=True, slots=True)
class ReconcilerSettings:
    """How what is pending, standing or in doubt is looked at again: by reading at the vendor, in
    the background."""

    enabled: bool = True
    """Off: what is open stays open, and counts, until a call or a person ends it."""
    calls_per_second_max: int = 1
    """Look-ups of each vendor account: the account's own rate belongs to the callers."""
    doubt_first_look_s: float = 60.0
    """A call in doubt is left alone for so long: it may still be running at the vendor."""
    listing_gap_s: float = 900.0
    """A call in doubt is released when two listings that must show it do not, so far apart: a
    vendor's listing may lag."""
    resolve_after_h: int = 72
    """A call that is still in doubt after so long is settled at what it counts."""
    pending_after_h: int = 24
    """A price that is still to come after so long is taken to be what the call counts."""


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """The pages for people at /dashboard."""

    enabled: bool = True
    session_idle_m: int = 60
    """Minutes without a request after which a person signs in again."""
    session_max_h: int = 12
    """And hours after which in any case."""
    live_connections_max: int = 64
    """Open pages that are told of news at once; beyond it a page has to be reloaded."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    level: str = "info"
    format: str = "auto"
    """json, text, or auto: text on a terminal."""
    calls: bool = True
    """A line for each vendor call, as it ends."""


@dataclass(frozen=True, slots=True)
class Settings:
    server: ServerSettings = field(default_factory=ServerSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    money: MoneySettings = field(default_factory=MoneySettings)
    vendors: Mapping[str, VendorSettings] = field(default_factory=dict)
    reconciler: ReconcilerSettings = field(default_factory=ReconcilerSettings)
    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    log: LogSettings = field(default_factory=LogSettings)
    admin_key: Secret | None = None
    """From KEYBRAKE_ADMIN_KEY or KEYBRAKE_ADMIN_KEY_FILE; None: one is made at first start."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Dotted name of each setting that is not a default -> where it came from
    (`gateway.toml:12`)."""
