"""Twilio's prices: the table that ships (prices.json), or an operator's in its place.

A table is a JSON file in USD, written as decimal text or digits (`"0.0083"`), and is read to the
last member: a name that is not known, one that is missing or comes twice, a figure that is no
price, and the table is refused in one line that says where. A price of zero is refused where
nothing is free, and what counts for unknown places may not be lower than the dearest place that is
known.

| member | what it is |
| --- | --- |
| date | the day it was true |
| unknown | what counts for a place without a price of its own; `policy` `refuse`: nothing does |
| messages | per message: failed, engagement (short links, scheduling), pumping_protection |
| messages.content_segments | the longest text that a content template renders to |
| messages.services_use_rcs | may a Messaging Service send RCS in place of SMS? |
| channels | per message: Twilio's fee, and what it passes on of the channel's owner |
| calls | per started minute, machine_detection per call |
| verify, lookup, registrations | per success, message, package, registration |
| countries | by ISO code: sms and voice; optional: mms, carriers' fees, numbers' rent by month |
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any, Final

from vendors.contract import MediaTypeRefused, PriceTableMistake, RuleRefused, Unreadable
from vendors.money import MICROS_PER_USD, parse_usd, show_usd
from vendors.strict_json import read_json
from vendors.twilio.destinations import Countries

USD_MAX: Final = 1_000_000
"""No message, minute or month costs more; what does is a slip of the pen."""

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_PACKAGE: Final = re.compile(r"[a-z0-9_-]{1,60}", re.ASCII)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_COUNT: Final = re.compile(r"[1-9][0-9]?", re.ASCII)

CHANNELS: Final = ("whatsapp", "messenger", "rcs")
"""Beside SMS; one that a table leaves out is refused."""

_SECTIONS: Final = "date unknown messages channels calls verify lookup registrations countries"
_TABLE: Final = tuple(_SECTIONS.split())
_UNKNOWN: Final = ("sms", "mms", "voice", "number")
_MESSAGES: Final = ("failed", "engagement", "pumping_protection")
_CHANNEL: Final = ("fee", "passed_on")
_CALLS: Final = ("recording", "conference", "speech", "machine_detection")
_VERIFY: Final = ("success", "email", "sna")
_REGISTRATIONS: Final = ("brand", "vetting", "campaign")


@dataclass(frozen=True, slots=True)
class Country:
    """Micros. sms, sms_carrier: per segment; mms, mms_carrier: per message; voice: per started
    minute; number_…: a month's rent. None: not in the table."""

    sms: int | None = None
    sms_carrier: int = 0
    mms: int | None = None
    mms_carrier: int = 0
    voice: int | None = None
    number_local: int | None = None
    number_mobile: int | None = None
    number_toll_free: int | None = None


_COUNTRY_MEMBERS: Final = tuple(field.name for field in fields(Country))


@dataclass(frozen=True, slots=True)
class Unknown:
    """What counts for a place without a price of its own. refused: nothing does, it is refused."""

    refused: bool
    sms: int
    mms: int
    voice: int
    number: int


@dataclass(frozen=True, slots=True)
class Messages:
    """pumping_protection: 0 where it is not switched on."""

    failed: int
    engagement: int
    pumping_protection: int
    content_segments: int
    services_use_rcs: bool


@dataclass(frozen=True, slots=True)
class Channel:
    """Per message. fee: Twilio's own; passed_on: what the channel's owner takes."""

    fee: int
    passed_on: int

    @property
    def whole(self) -> int:
        return self.fee + self.passed_on


@dataclass(frozen=True, slots=True)
class Calls:
    recording: int
    conference: int
    speech: int
    machine_detection: int


@dataclass(frozen=True, slots=True)
class Verify:
    success: int
    email: int
    sna: int


@dataclass(frozen=True, slots=True)
class Registrations:
    brand: int
    vetting: int
    campaign: int


Pick = Callable[[Country], int | None]


@dataclass(frozen=True, slots=True)
class Prices:
    """A table that was read. All figures in micros."""

    date: str
    unknown: Unknown
    messages: Messages
    channels: Mapping[str, Channel]
    calls: Calls
    verify: Verify
    lookup_unknown: int
    lookup_packages: Mapping[str, int]
    registrations: Registrations
    countries: Mapping[str, Country]

    def sms(self, places: Countries) -> int:
        """A segment, carrier's fee included. Raises RuleRefused."""
        return self._dearest(places, _sms, self.unknown.sms)

    def mms(self, places: Countries) -> int:
        """A message with media, carrier's fee included. Raises RuleRefused."""
        return self._dearest(places, _mms, self.unknown.mms)

    def voice(self, places: Countries) -> int:
        """A started minute. Raises RuleRefused."""
        return self._dearest(places, _voice, self.unknown.voice)

    def number(self, places: Countries, pick: Pick) -> int:
        """A month's rent. Raises RuleRefused."""
        return self._dearest(places, pick, self.unknown.number)

    def carrier(self, places: Countries, *, media: bool) -> int | None:
        """The carriers' fee, per segment or per message with media. None where nobody knows it: in
        places without a row, and for media where carriers charge for texts and the table does not
        say what for media."""
        rows = [self.countries[place] for place in places if place in self.countries]
        if media and any(row.mms is None and row.sms_carrier for row in rows):
            return None
        return max((_carriers(row, media=media) for row in rows), default=None)

    def dearest_carrier(self, *, media: bool) -> int:
        """The same, of all countries."""
        return max((_carriers(row, media=media) for row in self.countries.values()), default=0)

    def _dearest(self, places: Countries, pick: Pick, unknown: int) -> int:
        """Of the places that one code leads to, those without a row are billed as one that has."""
        best = -1
        for place in places:
            row = self.countries.get(place)
            price = None if row is None else pick(row)
            if price is not None and price > best:
                best = price
        if best >= 0:
            return best
        if self.unknown.refused:
            names = " or ".join(places)
            raise RuleRefused("destination_unpriced", f"the table has no price for {names}")
        return unknown


def _carriers(row: Country, *, media: bool) -> int:
    return row.mms_carrier if media else row.sms_carrier


def _sms(row: Country) -> int | None:
    return None if row.sms is None else row.sms + row.sms_carrier


def _mms(row: Country) -> int | None:
    return None if row.mms is None else row.mms + row.mms_carrier


def _voice(row: Country) -> int | None:
    return row.voice


def read_prices(text: str) -> Prices:
    """Raises PriceTableMistake: one line, which member and what it must be."""
    try:
        tree = read_json(text.encode("utf-8", "surrogatepass"), fractions=True)
    except Unreadable as exc:
        raise PriceTableMistake(f"{exc.field_name}: {exc.why}") from exc
    except MediaTypeRefused as exc:
        raise PriceTableMistake(str(exc)) from exc
    table = _members(tree, "the table", _TABLE, ("about", "sources"))
    lookup = _members(table["lookup"], "lookup", ("unknown", "packages"))
    prices = Prices(
        _date(table["date"]),
        _unknown(table["unknown"]),
        _messages(table["messages"]),
        _channels(table["channels"]),
        Calls(*_figures(table["calls"], "calls", _CALLS, free=_CALLS)),
        Verify(*_figures(table["verify"], "verify", _VERIFY, free=("email", "sna"))),
        _figure(lookup["unknown"], "lookup.unknown"),
        _packages(lookup["packages"]),
        Registrations(*_figures(table["registrations"], "registrations", _REGISTRATIONS)),
        _countries(table["countries"]),
    )
    _check_unknown(prices)
    return prices


def _date(value: Any) -> str:
    if isinstance(value, str) and _DATE.fullmatch(value) is not None:
        try:
            datetime.date.fromisoformat(value)
        except ValueError:
            pass
        else:
            return value
    raise PriceTableMistake("date: must be a day, such as 2026-05-25")


def _unknown(value: Any) -> Unknown:
    listed = _members(value, "unknown", ("policy", *_UNKNOWN))
    if listed["policy"] not in ("price", "refuse"):
        raise PriceTableMistake("unknown.policy: must be price or refuse")
    figures = [_figure(listed[name], f"unknown.{name}") for name in _UNKNOWN]
    return Unknown(listed["policy"] == "refuse", *figures)


def _messages(value: Any) -> Messages:
    listed = _members(value, "messages", (*_MESSAGES, "content_segments", "services_use_rcs"))
    failed, engagement, pumping = [
        _figure(listed[name], f"messages.{name}", zero=True) for name in _MESSAGES
    ]
    segments = listed["content_segments"]
    if not (isinstance(segments, str) and _COUNT.fullmatch(segments) is not None):
        raise PriceTableMistake("messages.content_segments: must be a number from 1 to 99")
    if not isinstance(listed["services_use_rcs"], bool):
        raise PriceTableMistake("messages.services_use_rcs: must be true or false")
    return Messages(failed, engagement, pumping, int(segments), listed["services_use_rcs"])


def _channels(value: Any) -> dict[str, Channel]:
    listed = _members(value, "channels", (), CHANNELS)
    return {
        name: Channel(*_figures(row, f"channels.{name}", _CHANNEL, free=("passed_on",)))
        for name, row in listed.items()
    }


def _packages(value: Any) -> dict[str, int]:
    if not isinstance(value, dict):
        raise PriceTableMistake("lookup.packages: must be an object")
    for name in value:
        if _PACKAGE.fullmatch(name) is None:
            raise PriceTableMistake(f"lookup.packages: {name[:60]!r} is no name of a package")
    return {
        name: _figure(price, f"lookup.packages.{name}", zero=True) for name, price in value.items()
    }


def _countries(value: Any) -> dict[str, Country]:
    if not isinstance(value, dict):
        raise PriceTableMistake("countries: must be an object")
    return {code: _country(code, row) for code, row in value.items()}


def _country(code: str, value: Any) -> Country:
    if _COUNTRY.fullmatch(code) is None:
        raise PriceTableMistake(f"countries: {code[:60]!r} is no ISO code of two capital letters")
    where = f"countries.{code}"
    listed = _members(value, where, (), _COUNTRY_MEMBERS)
    return Country(
        **{
            name: _figure(price, f"{where}.{name}", zero=name.endswith("_carrier"))
            for name, price in listed.items()
        }
    )


def _check_unknown(prices: Prices) -> None:
    """A place without a price is never guessed lower than the dearest with one."""
    unknown = prices.unknown
    floors = (unknown.sms, unknown.mms, unknown.voice, unknown.number)
    for code, row in prices.countries.items():
        rents = (row.number_local, row.number_mobile, row.number_toll_free)
        rent = max(price or 0 for price in rents)
        known = (_sms(row) or 0, _mms(row) or 0, row.voice or 0, rent)
        for name, floor, price in zip(_UNKNOWN, floors, known, strict=True):
            if price > floor:
                raise PriceTableMistake(
                    f"unknown.{name}: must be at least as dear as the dearest country; "
                    f"{code} is {show_usd(price)}"
                )


def _members(
    value: Any, where: str, needed: tuple[str, ...], allowed: tuple[str, ...] = ()
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PriceTableMistake(f"{where}: must be an object")
    for name in needed:
        if name not in value:
            raise PriceTableMistake(f"{where}: {name} is missing")
    for name in value:
        if name not in needed and name not in allowed:
            raise PriceTableMistake(f"{where}: {name[:60]!r} is no member of it")
    return value


def _figures(
    value: Any, where: str, names: tuple[str, ...], free: tuple[str, ...] = ()
) -> list[int]:
    listed = _members(value, where, names)
    return [_figure(listed[name], f"{where}.{name}", zero=name in free) for name in names]


def _figure(value: Any, where: str, *, zero: bool = False) -> int:
    """Micros. JSON numbers arrive as the text they were written in."""
    if not isinstance(value, str):
        raise PriceTableMistake(f'{where}: must be USD, such as "0.0083"')
    try:
        micros = parse_usd(value)
    except ValueError as exc:
        raise PriceTableMistake(f"{where}: {exc}") from exc
    if micros > USD_MAX * MICROS_PER_USD:
        raise PriceTableMistake(f"{where}: more than {USD_MAX} USD")
    if not micros and not zero:
        raise PriceTableMistake(f"{where}: must be above zero")
    return micros


SHIPPED: Final = read_prices(files(__package__).joinpath("prices.json").read_text("utf-8"))
