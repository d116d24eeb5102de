"""What is on its way at this moment: calls that a look must not get in the way of.

A retry continues the hold of its first call. Were that hold released while the retry is at the
vendor, the retry could charge and nothing would count. And a call in flight may be the one behind
a match that looks unexplained; it is seen among the journeys that are in flight.
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.call.journey import Journey
from gateway.call.remarks import remark_of
from gateway.call.retries import Retries
from gateway.vault.registry import Registry
from ledger import Hold


def being_retried(retries: Retries, hold: Hold) -> bool:
    """Is a call on its way that may continue this hold?"""
    return hold.retry is not None and retries.is_running(hold.retry.key)


def alike_under_way(registry: Registry, vendor: str, account: str, trace: str) -> bool:
    """Is a call with this trace under way, or over and not written down yet?"""
    return any(
        journey.made
        and journey.key.terms.vendor == vendor
        and journey.key.terms.account == account
        and remark_of(journey.made[-1]).trace == trace
        for journey in _journeys(registry)
    )


def _journeys(registry: Registry) -> Iterator[Journey]:
    for flight in registry.flights():
        assert isinstance(flight, Journey), "only calls fly"
        yield flight
