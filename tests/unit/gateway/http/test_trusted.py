"""Whose word is believed, and how far to the left it reaches."""

from __future__ import annotations

import pytest

from gateway.http.trusted import HOPS_MAX, Trusted, normal

BALANCER = "10.0.0.1"


def believed(forwarded: str | None, proto: str | None = None, peer: str = BALANCER) -> object:
    headers = {b"x-forwarded-for": forwarded, b"x-forwarded-proto": proto}
    sent = {name: value.encode() for name, value in headers.items() if value is not None}
    return Trusted(["10.0.0.0/8", "fd00::/8"]).believed(peer, sent, is_https=False)


@pytest.mark.parametrize(
    ("address", "is_one"),
    [
        ("10.0.0.0", True),
        ("10.255.255.255", True),
        ("::ffff:10.0.0.1", True),
        ("fd00::1", True),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("fe80::1%eth0", False),
        ("", False),
        ("unknown", False),
        ("010.0.0.1", False),
    ],
)
def test_networks_hold_addresses(address: str, is_one: bool) -> None:
    assert Trusted(["10.0.0.0/8", "fd00::/8", "192.0.2.1"]).holds(address) is is_one


def test_a_network_that_is_none_is_said() -> None:
    with pytest.raises(ValueError, match="host bits"):
        Trusted(["10.0.0.1/8"])


@pytest.mark.parametrize(
    ("forwarded", "peer"),
    [
        (None, BALANCER),
        ("", BALANCER),
        ("192.0.2.7", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),  # what the caller typed stands further left
        ("6.6.6.6, 192.0.2.7,10.0.0.9", "192.0.2.7"),
        ("192.0.2.7:55123", "192.0.2.7"),
        ("[2001:db8::7]:443", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        ("192.0.2.7, unknown", BALANCER),
        ("192.0.2.7, 10.0.0.9, _hidden, 10.0.0.8", "10.0.0.8"),
        ("192.0.2.7:http", BALANCER),
        ("2001:db8::7%any text at all", BALANCER),
        ("192.0.2.7, " + "1" * 65, BALANCER),
        ("192.0.2.7,", BALANCER),
        ("\x00\xff", BALANCER),
    ],
)
def test_the_right_most_address_that_is_no_balancer(forwarded: str | None, peer: str) -> None:
    assert believed(forwarded) == (peer, False)


def test_so_many_balancers_are_looked_at_and_no_more() -> None:
    entries = [f"10.1.0.{number}" for number in range(HOPS_MAX + 5)]
    assert believed(", ".join(entries)) == (f"10.1.0.{5}", False)


@pytest.mark.parametrize(
    ("forwarded", "proto", "is_https"),
    [
        ("192.0.2.7", "https", True),
        ("192.0.2.7", "HTTPS ", True),
        ("192.0.2.7", "http", False),
        ("192.0.2.7", "wss", False),
        ("192.0.2.7", None, False),
        (None, "https", True),
        ("192.0.2.7, 10.0.0.9", "https, http", True),  # the outer balancer's word
        ("192.0.2.7", "https, http", False),  # what the caller typed stands further left
        ("192.0.2.7, 10.0.0.9", "https", True),
    ],
)
def test_the_scheme_is_the_one_of_that_hop(
    forwarded: str | None, proto: str | None, is_https: bool
) -> None:
    assert believed(forwarded, proto) == (
        forwarded.split(",")[0] if forwarded else BALANCER,
        is_https,
    )


def test_where_a_balancer_says_nothing_its_own_scheme_stands() -> None:
    trusted = Trusted(["10.0.0.0/8"])
    assert trusted.believed(BALANCER, {}, is_https=True) == (BALANCER, True)
    assert trusted.believed(BALANCER, {b"x-forwarded-proto": b"?"}, is_https=True)[1]


@pytest.mark.parametrize(
    ("address", "shown"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("192.0.2.1", "192.0.2.1"), ("::ffff:1", "::ffff:1")],
)
def test_an_ipv4_address_has_one_form(address: str, shown: str) -> None:
    assert normal(address) == shown
