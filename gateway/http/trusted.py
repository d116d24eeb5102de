"""Whose word on where a request came from is believed: that of the balancers which the settings
name, and nobody else's.

A balancer appends the address of its own client to X-Forwarded-For, so the header is read from the
right: each trusted balancer vouches for the entry that it wrote, and the first address that is none
of ours is the caller. What stands further left was typed by that caller and is not looked at; nor
is anything behind an entry that is no address. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

HOPS_MAX: Final = 16
"""Balancers behind each other; entries beyond are not looked at."""
ADDRESSES_MAX: Final = 4_096
"""Balancers are few: so many addresses are remembered as trusted or not."""
_ENTRY_CHARS_MAX: Final = 64

_Network = IPv4Network | IPv6Network


class Trusted:
    """The balancers that are believed. Raises ValueError for a network that is none."""

    __slots__ = ("_networks", "holds")

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks: list[_Network] = [ip_network(network) for network in networks]
        self.holds = lru_cache(ADDRESSES_MAX)(self._holds)
        """Is this address, as a socket or a header spells it, one of them?"""

    def _holds(self, address: str) -> bool:
        found = _address(address)
        return found is not None and any(found in network for network in self._networks)

    def believed(
        self, peer: str, headers: Mapping[bytes, bytes], *, is_https: bool
    ) -> tuple[str, bool]:
        """Where a request of the trusted `peer` came from, and whether by https. is_https: did the
        balancer itself come so? That stands where it says nothing."""
        hops = 0
        forwarded = headers.get(b"x-forwarded-for")
        if forwarded is not None:
            for entry in reversed(forwarded.decode("latin-1").rsplit(",", HOPS_MAX)):
                found = _entry(entry)
                if found is None:
                    break
                peer = found
                hops += 1
                if hops == HOPS_MAX or not self.holds(peer):
                    break
        return peer, _is_https(headers.get(b"x-forwarded-proto"), hops, is_https)


def normal(address: str) -> str:
    """An address as it is shown and counted: an IPv4 one that came by an IPv6 socket is IPv4."""
    return address.removeprefix("::ffff:") if "." in address else address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _entry(text: str) -> str | None:
    """The address of an entry: bare, in brackets, or with the port that some balancers write."""
    text = text.strip(" \t")
    if len(text) > _ENTRY_CHARS_MAX:
        return None
    if text.startswith("["):
        text, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
    else:
        port = ""
    found = None if "%" in text else _address(text)  # behind it a zone: any text at all
    return None if found is None or (port and not port.isdecimal()) else str(found)


def _is_https(forwarded: bytes | None, hops: int, otherwise: bool) -> bool:
    """X-Forwarded-Proto, at the same place from the right as the address that is believed; most
    balancers write one word for all."""
    if forwarded is None:
        return otherwise
    words = [word.strip(b" \t").lower() for word in forwarded.rsplit(b",", HOPS_MAX)]
    word = words[-min(max(hops, 1), len(words))]
    return word == b"https" if word in (b"https", b"http") else otherwise
