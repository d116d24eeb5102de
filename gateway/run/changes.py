"""What differs between two settings, by name; and which of that cannot change while we run.

Pure. Names only: a value may be a secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from gateway.settings import Secret, Settings

SOCKETS: Final = ("listen", "admin_listen")
TLS_FILES: Final = ("tls_cert_file", "tls_key_file")
_MISSING: Final = object()


def changes(old: Settings, new: Settings) -> list[str]:
    """Dotted names of the settings that differ, `vendors.stripe.accounts.acme` for one that came or
    went."""
    return [name for name in _differ(old, new, "") if not name.startswith("origins")]


def keeping_fixed(old: Settings, new: Settings) -> Settings:
    """The new settings, with what cannot change while we run as it was: the sockets are bound (and
    are TLS or are not), the books and the audit log are open, there is a dashboard or none."""
    fixed = [*SOCKETS]
    if bool(old.server.tls_cert_file) != bool(new.server.tls_cert_file):
        fixed += TLS_FILES
    server = replace(new.server, **{name: getattr(old.server, name) for name in fixed})
    dashboard = replace(new.dashboard, enabled=old.dashboard.enabled)
    return replace(new, server=server, ledger=old.ledger, dashboard=dashboard)


def _differ(old: Any, new: Any, name: str) -> Iterator[str]:
    if isinstance(old, Secret) and isinstance(new, Secret):
        old, new = old.reveal(), new.reveal()
    if type(old) is type(new) and is_dataclass(old):
        for field in fields(old):
            values = getattr(old, field.name), getattr(new, field.name)
            yield from _differ(*values, f"{name}.{field.name}" if name else field.name)
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _differ(old.get(key, _MISSING), new.get(key, _MISSING), f"{name}.{key}")
    elif old != new:
        yield name
