"""Prefix, host, bare path: the table of who lives where."""

from __future__ import annotations

import pytest

from gateway.call.routes import Route, Routes
from gateway.errors import RouteUnknown
from vendors import VENDORS

ROUTES = Routes(
    {"stripe": VENDORS["stripe"]},
    {"stripe": frozenset({"files"})},
    {"stripe.gw.example": "stripe", "files.gw.example": "stripe/files"},
)


@pytest.mark.parametrize(
    ("host", "path", "route"),
    [
        ("gw", "/stripe/v1/charges", Route("stripe", "", "/v1/charges")),
        ("gw", "/stripe/files/v1/files", Route("stripe", "files", "/v1/files")),
        ("gw", "/stripe/files", Route("stripe", "", "/files")),
        ("gw", "/v1/charges", Route(None, "", "/v1/charges", frozenset({"stripe"}))),
        ("gw", "/v2/core", Route(None, "", "/v2/core", frozenset({"stripe"}))),
        ("stripe.gw.example", "/v1/charges", Route("stripe", "", "/v1/charges")),
        ("files.gw.example", "/v1/files", Route("stripe", "files", "/v1/files")),
    ],
)
def test_a_path_leads_to_its_vendor(host: str, path: str, route: Route) -> None:
    assert ROUTES.resolve(host, path) == route


@pytest.mark.parametrize("path", ["/stripe", "/", "/twilio/x", "/v3/x", "/Stripe/v1/x"])
def test_other_paths_lead_nowhere(path: str) -> None:
    with pytest.raises(RouteUnknown) as info:
        ROUTES.resolve("gw", path)
    assert info.value.facts == {"vendors": ["stripe"]}


def test_without_host_routes_no_host_is_looked_up() -> None:
    routes = Routes({"stripe": VENDORS["stripe"]}, {}, {})
    assert routes.resolve("stripe.gw.example", "/stripe/v1/x").raw_path == "/v1/x"


@pytest.mark.parametrize(
    ("path", "ours"),
    [("/vault/keys", True), ("/healthz", True), ("/v1/vault", False), ("/stripe/v1/x", False)],
)
def test_our_own_roots(path: str, ours: bool) -> None:
    assert ROUTES.is_ours(path) is ours
