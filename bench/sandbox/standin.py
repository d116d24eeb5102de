"""What the house asks of one vendor's sandbox, and where each vendor's is found.

A vendor is a package beside this file whose module `standin` has two functions:

    add_options(parser)        its own options of the command line, if any
    build(options, log)        the stand-in itself, from the options that were given

It is imported when it is asked for, never before. All that is the vendor's own (how errors look,
what money means, how a test plays the payer or the carrier) is behind `StandIn`.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, cast

from bench.sandbox.wire import Answer, Begun, Headers, Obj, Request, Sink

NAMES: Final = ("stripe", "twilio", "resend")

Log = Callable[[str, Obj, int], None]
"""Told of each movement of money: kind (charge, refund, …), the object (its `id` and `currency` are
kept), and how much: minor units of the currency, or micros where the currency is `usd_micros`."""

Action = Callable[[Any], Obj]
"""One more thing that the control door can do: the request's JSON in, JSON out. Raises Refused, or
ValueError, TypeError, KeyError for what cannot be read."""


class Refused(Exception):
    """The control door says no, with this HTTP status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class StandIn(Protocol):
    """One vendor's sandbox. name: as in NAMES. stored_statuses: which of the statuses that a test
    scripts are kept under an idempotency key unless the script says otherwise."""

    name: str
    stored_statuses: frozenset[int]

    def sink(self, method: str, path: str, headers: Headers) -> Sink | None:
        """What takes a body too long to keep; None: the body is gathered."""

    def begin(self, request: Request) -> Answer | Begun:
        """A running operation, or the answer that needs none."""

    def scripted_error(self, status: int) -> bytes:
        """The body of an error that a test asked for, in the vendor's own shape."""

    def reset(self) -> None:
        """Forget everything."""

    def stats(self) -> Obj:
        """What `GET /_sandbox/stats` says of money: `charged` at least."""

    def accounts(self) -> list[Obj]:
        """What `GET /_sandbox/state` says of each account."""

    def actions(self) -> Mapping[tuple[str, str], Action]:
        """The vendor's own actions of the control door: (method, name) -> action."""


class Maker(Protocol):
    """A vendor's module `standin`."""

    def add_options(self, parser: argparse.ArgumentParser) -> None: ...

    def build(self, options: argparse.Namespace, log: Log) -> StandIn: ...


def maker(name: str) -> Maker:
    """Raises ModuleNotFoundError for a vendor that has no package here."""
    return cast("Maker", importlib.import_module(f"bench.sandbox.{name}.standin"))
