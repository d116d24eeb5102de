"""May this key make this call? What is decided on the head alone, step by step and whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from bench.micro.piece import Once, Piece
from bench.micro.smallhouse import small_house
from gateway.call import admission, audit
from gateway.call.journey import Journey
from gateway.call.runheaders import NOTHING_SAID


@asynccontextmanager
async def route() -> AsyncIterator[Once]:
    async with small_house() as house:
        routes, request = house.doors.routes, house.request()
        yield lambda: admission.resolve(routes, request)


@asynccontextmanager
async def key() -> AsyncIterator[Once]:
    async with small_house() as house:
        doors, request = house.doors, house.request()
        now_us = doors.clock.now_us()
        yield lambda: admission.find_key(request, doors.registry, doors.guesses, now_us)


@asynccontextmanager
async def allowlist() -> AsyncIterator[Once]:
    async with small_house() as house:
        allowed = house.key.terms.allowed
        yield lambda: allowed.allows("POST", "/v1/payment_intents")


@asynccontextmanager
async def whole() -> AsyncIterator[Once]:
    """As `Proxy` goes about it, with a journey of its own each time."""
    async with small_house() as house:
        doors, request, now_us = house.doors, house.request(), house.doors.clock.now_us()
        upstream = doors.upstreams.account("stripe", "default")

        def once() -> None:
            route = admission.resolve(doors.routes, request)
            key = admission.find_key(request, doors.registry, doors.guesses, now_us)
            admission.judge_vendor(route, key)
            vendor = doors.vendors[key.terms.vendor]
            journey = Journey("call_0", request, key, vendor, route, now_us)
            journey.label = key.terms.label
            journey.record = audit.open_record(journey, NOTHING_SAID)
            journey.upstream = upstream
            admission.admit(journey, now_us)

        yield once


PIECES: Final = (
    Piece("admission.route", "a path finds its vendor", route, calls=4_000),
    Piece("admission.key", "a secret finds its key, among 100", key, calls=1_000),
    Piece("admission.allowlist", "a path, among 7 entries", allowlist, calls=20_000),
    Piece("admission.whole", "all of it, with the journey that begins", whole),
)
