"""Where a request goes: to the admin side, to a vendor by prefix or host, or to whatever vendor the
key names.

A table of first path segments, built once. `/stripe/v1/…` goes to Stripe, `/stripe/files/v1/…` to
another host of Stripe's, an exact host name from the settings to its vendor, and a bare `/v1/…`
(some SDKs cannot hold a base path) to the vendor of the key. Our own roots win over all of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.errors import RouteUnknown
from vendors.contract import Vendor
from vendors.fact import fact

RESERVED: Final = frozenset(
    {"vault", "dashboard", "openapi.json", "healthz", "readyz", "metrics", "static"}
)


@fact
class Route:
    """vendor: None when only the key can tell (a bare path); roots then says whose paths begin so.
    product: '' is the vendor's main host. raw_path: the vendor's path, not yet judged."""

    vendor: str | None
    product: str
    raw_path: str
    owners: frozenset[str] = frozenset()


class Routes:
    """The table: who lives where."""

    __slots__ = ("_hosts", "_owners", "_products")

    def __init__(
        self,
        vendors: Mapping[str, Vendor],
        products: Mapping[str, frozenset[str]],
        host_routes: Mapping[str, str],
    ) -> None:
        self._products = {name: products.get(name, frozenset()) for name in vendors}
        self._owners: dict[str, frozenset[str]] = {}
        for name, vendor in vendors.items():
            for root in vendor.bare_roots:
                self._owners[root] = self._owners.get(root, frozenset()) | {name}
        self._hosts = {host: tuple(to.partition("/")[::2]) for host, to in host_routes.items()}

    def is_ours(self, path: str) -> bool:
        """Does this path belong to the admin side?"""
        return path[1:].partition("/")[0] in RESERVED

    def resolve(self, host: str, path: str) -> Route:
        """Raises RouteUnknown."""
        if self._hosts and (named := self._hosts.get(host)) is not None:
            return Route(named[0], named[1], path)
        first, slash, rest = path[1:].partition("/")
        products = self._products.get(first)
        if products is not None and slash:
            product, slash, inner = rest.partition("/")
            if product in products and slash:
                return Route(first, product, "/" + inner)
            return Route(first, "", "/" + rest)
        owners = self._owners.get(first)
        if owners is not None:
            return Route(None, "", path, owners)
        raise RouteUnknown(vendors=sorted(self._products))
