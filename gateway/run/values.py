"""One setting's value: read by the type of its field, then held against its range or its form.

Every function gives the value or raises ValueError with what is wrong, in words that end the
sentence "server.listen: …". A test compares RANGES with `gateway/settings.py`: a number without
bounds is a mistake of ours.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "server.connections_max": (1, 1_000_000),
    "server.connections_per_source_max": (1, 1_000_000),
    "server.head_bytes_max": (1_024, 262_144),
    "server.headers_max": (8, 1_000),
    "server.target_bytes_max": (128, 65_536),
    "server.priced_body_bytes_max": (1_024, 64 * 1024 * 1024),
    "server.large_bodies_bytes_max": (1_024 * 1024, 64 * 1024 * 1024 * 1024),
    "server.metered_answer_bytes_max": (1_024, 64 * 1024 * 1024),
    "server.head_timeout_s": (0.1, 600),
    "server.body_timeout_s": (0.1, 3_600),
    "server.body_rate_min": (0, 1_000_000_000),
    "server.write_timeout_s": (0.1, 3_600),
    "server.idle_timeout_s": (0.1, 86_400),
    "server.drain_timeout_s": (0, 3_600),
    "server.buffer_bytes_max": (4_096, 16 * 1024 * 1024),
    "server.guesses_per_minute": (1, 1_000_000),
    "ledger.checkpoint_entries": (100, 100_000_000),
    "ledger.stall_refuse_s": (0.1, 600),
    "ledger.stall_exit_s": (0.1, 3_600),
    "ledger.reserve_bytes": (0, 1024 * 1024 * 1024),
    "ledger.retry_memory_h": (
        1,
        23,
    ),  # Stripe forgets after 24 h: remembering longer would trust it too long
    "money.rates_age_max_days": (1, 3_650),
    "reconciler.calls_per_second_max": (1, 1_000),
    "reconciler.doubt_first_look_s": (0, 3_600),
    "reconciler.listing_gap_s": (0, 86_400),
    "reconciler.resolve_after_h": (1, 8_760),
    "reconciler.pending_after_h": (1, 8_760),
    "dashboard.session_idle_m": (1, 1_440),
    "dashboard.session_max_h": (1, 168),
    "dashboard.live_connections_max": (0, 10_000),
    "vendors.*.connections_max": (1, 100_000),
    "vendors.*.connection_idle_s": (0, 3_600),
    "vendors.*.connect_timeout_s": (0.01, 600),
    "vendors.*.first_byte_timeout_s": (0.01, 3_600),
    "vendors.*.total_timeout_s": (0.01, 86_400),
    "vendors.*.calls_per_second_max": (0, 1_000_000),
    "vendors.*.queue_wait_s": (0, 60),
}

_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})


def read_value(kind: Any, value: object, *, from_text: bool) -> Any:
    """A TOML value, or the text of an environment variable, as a field of type `kind` takes it."""
    if from_text:
        return _FROM_TEXT[kind](str(value))
    return _FROM_TOML[kind](value)


def check(name: tuple[str, ...], value: Any) -> None:
    """Is this value one that the setting can have?"""
    row = ".".join(("vendors", "*", *name[2:]) if name[0] == "vendors" else name)
    if row in RANGES:
        low, high = RANGES[row]
        if not low <= value <= high:
            raise ValueError(f"{value:g} is not between {low:,.10g} and {high:,.10g}")
    if row in _FORMS:
        _FORMS[row](value)


# ── by type ─────────────────────────────────────────────────────────────────────────────────────


def _text_from_toml(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text in quotes, not {_called(value)}")
    return value


def _int_from_toml(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, not {_called(value)}")
    return value


def _float_from_toml(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, not {_called(value)}")
    return _finite(float(value))


def _bool_from_toml(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {_called(value)}")
    return value


def _texts_from_toml(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError('must be a list of texts: ["…", "…"]')
    return tuple(value)


def _int_from_text(value: str) -> int:
    if re.fullmatch(r"-?[0-9]{1,18}", value) is None:
        raise ValueError("must be a whole number")
    return int(value)


def _float_from_text(value: str) -> float:
    if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,9})?", value) is None:
        raise ValueError("must be a number")
    return float(value)


def _bool_from_text(value: str) -> bool:
    if value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError("must be true or false")


def _texts_from_text(value: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in value.split(",") if item.strip())


def read_pairs(value: str) -> dict[str, str]:
    """`name=value,name=value`, as an environment variable gives a table."""
    pairs: dict[str, str] = {}
    for item in _texts_from_text(value):
        name, equals, content = item.partition("=")
        if not equals or not name.strip():
            raise ValueError("must be name=value,name=value")
        pairs[name.strip()] = content.strip()
    return pairs


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _called(value: object) -> str:
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date or time")


_FROM_TOML: Final[Mapping[Any, Callable[[object], Any]]] = {
    str: _text_from_toml,
    int: _int_from_toml,
    float: _float_from_toml,
    bool: _bool_from_toml,
    tuple[str, ...]: _texts_from_toml,
}
_FROM_TEXT: Final[Mapping[Any, Callable[[str], Any]]] = {
    str: str,
    int: _int_from_text,
    float: _float_from_text,
    bool: _bool_from_text,
    tuple[str, ...]: _texts_from_text,
}

# ── by form ─────────────────────────────────────────────────────────────────────────────────────


def check_address(value: str) -> None:
    """`host:port`, `[::1]:port`."""
    host, colon, port = value.rpartition(":")
    if not colon or not host:
        raise ValueError("must be host:port, such as 127.0.0.1:8080")
    if re.fullmatch(r"[0-9]{1,5}", port) is None or int(port) > 65_535:
        raise ValueError("its port must be 0 to 65535")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("an IPv6 address stands in brackets: [::1]:8080")


def check_url(value: str, *, plain_http: bool) -> None:
    """An origin, perhaps with a base path. plain_http: may it be http to a host that is not
    loopback?"""
    parts = _split(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL: https://host or https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user name or password")
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValueError("must end before any ? or #")
    if re.fullmatch(r"[A-Za-z0-9._\-\[\]:]+", parts.netloc) is None or re.search(
        r"[^!-~]|[\\%]", value
    ):
        raise ValueError("has characters that do not belong into a URL of this kind")
    if re.search(r"//|/\.\.?(/|$)", parts.path):
        raise ValueError("has an empty or dotted path segment")
    if parts.scheme == "http" and not plain_http and not is_loopback(parts.hostname):
        raise ValueError(
            "plain http goes to loopback only; use https, or set allow_plain_http for this vendor"
        )


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        raise ValueError("must be a URL: https://host or https://host/path") from None
    return parts


def check_one_of(*choices: str) -> Callable[[str], None]:
    def check(value: str) -> None:
        if value not in choices:
            raise ValueError(f"must be {', '.join(choices[:-1])} or {choices[-1]}")

    return check


def check_percent(value: str) -> None:
    """A decimal in quotes, since money is never a float here."""
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,4})?", value) is None or Decimal(value) > 100:
        raise ValueError('must be a decimal from 0 to 100 in quotes, such as "2" or "1.5"')


def check_database(value: str) -> None:
    scheme, _, path = value.partition(":")
    if scheme != "sqlite" or not path:
        raise ValueError("must be sqlite:PATH")


def check_databases(values: tuple[str, ...]) -> None:
    if not values:
        raise ValueError("needs at least one shard")
    for value in values:
        check_database(value)
    if len(set(values)) < len(values):
        raise ValueError("names the same file twice")


def check_networks(values: tuple[str, ...]) -> None:
    """Addresses, and networks such as 10.0.0.0/8."""
    for value in values:
        try:
            ipaddress.ip_network(value)
        except ValueError:
            raise ValueError(
                f"{value} is no address and no network: {_network_hint(value)}"
            ) from None


def _network_hint(value: str) -> str:
    try:
        return f"is {ipaddress.ip_network(value, strict=False)} meant?"
    except ValueError:
        return "such as 10.0.0.7 or 10.0.0.0/8"


def check_file(value: str) -> None:
    if value and not Path(value).is_file():
        raise ValueError("there is no such file")


def _unless_empty(check_form: Callable[[str], None]) -> Callable[[str], None]:
    return lambda value: check_form(value) if value else None


_FORMS: Final[Mapping[str, Callable[[Any], None]]] = {
    "server.listen": check_address,
    "server.admin_listen": _unless_empty(check_address),
    "server.tls_cert_file": check_file,
    "server.tls_key_file": check_file,
    "server.trusted_proxies": check_networks,
    "server.public_url": _unless_empty(lambda value: check_url(value, plain_http=True)),
    "ledger.shards": check_databases,
    "ledger.synchronous": check_one_of("FULL", "NORMAL"),
    "ledger.audit": check_database,
    "money.rates_file": check_file,
    "money.rates_margin_percent": check_percent,
    "vendors.*.ca_file": check_file,
    "log.level": check_one_of("debug", "info", "warning", "error"),
    "log.format": check_one_of("auto", "json", "text"),
}
"""What has a form beyond its type. A vendor's URLs are checked where it is known if plain http may
be."""
