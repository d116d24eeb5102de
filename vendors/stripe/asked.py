"""What a request says about money, and what a look-up says where the request does not.

Amounts are 1 to 12 ASCII digits without a leading zero: everything else that some parser takes for
a number (signs, spaces, `1e3`, `1_000`, full-width digits) is refused. A look-up's answer must be
the object that was asked for, and readable; otherwise nobody can say what the call costs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from vendors.contract import Answer, Lookup, Quote, Reading, Unpriced, Unreadable
from vendors.money import show_minor
from vendors.rates import Rate, Rates
from vendors.stripe.currencies import EXPONENTS, check_multiple, known, rate_for
from vendors.stripe.things import Charge, Intent, Unclear, read_charge, read_intent, read_object

Fields = Mapping[str, str]

_V2_HEADERS: Final = ((b"stripe-version", b"2026-10-28.endive"),)
"""`/v2` answers 400 to a request that names no version; this is the one that our readers know."""
Quoter = Callable[[Reading, Rates, Sequence[Answer], Rate | None], Quote | Lookup]
Quoters = Mapping[str, tuple[Quoter, frozenset[str]]]
"""Operation -> how it is priced, and which of the figures (quote.FIGURES) are its own
parameters."""

BOTH: Final = frozenset({"amount", "currency"})
ALONE: Final = frozenset({"amount"})
NEITHER: Final[frozenset[str]] = frozenset()


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


Named = TypeVar("Named", bound=_HasId)

_AMOUNT: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_ID: Final = re.compile(r"[A-Za-z0-9_]{1,255}", re.ASCII)


def stated(fields: Fields, rates: Rates, what: str) -> Quote:
    """Amount and currency are in the request."""
    return one_sum(needed_amount(fields), needed_currency(fields), rates, what)


def one_sum(
    amount: int, currency: str, rates: Rates, what: str, amount_field: str = "amount"
) -> Quote:
    """A sum that moves once and belongs to no object. what: `a transfer of`."""
    check_multiple(amount_field, currency, amount)
    rate = rate_for(currency, rates, None)
    how = f"{what} {shown(amount, currency)}"
    return Quote(rate.to_micros(amount), how, currency, amount, rate)


def of_stored(
    fields: Fields, currency: str, left: int, asked: int | None, rates: Rates, what: str
) -> Quote:
    """What is asked for, or all that is left. what: `a refund of`."""
    currency = known("currency", currency)
    check_currency(fields, currency)
    check_asked("amount", asked, currency)
    amount = left if asked is None else asked
    rate = rate_for(currency, rates, None)
    how = f"{what} {shown(amount, currency)}{' (all that is left)' if asked is None else ''}"
    return Quote(rate.to_micros(amount), how, currency, amount, rate)


def amount_of(fields: Fields, name: str) -> int | None:
    """None: not given. Raises Unreadable for anything but 1 to 12 digits that begin with 1 to 9."""
    text = fields.get(name)
    if text is None:
        return None
    if _AMOUNT.fullmatch(text) is None:
        raise Unreadable(name, "write a whole number above zero in the currency's smallest unit")
    return int(text)


def needed_amount(fields: Fields) -> int:
    amount = amount_of(fields, "amount")
    if amount is None:
        raise Unreadable("amount", "missing")
    return amount


def needed_currency(fields: Fields, name: str = "currency") -> str:
    """In lower case."""
    code = fields.get(name)
    if code is None:
        raise Unreadable(name, "missing")
    return known(name, code)


def check_asked(field: str, asked: int | None, currency: str) -> None:
    if asked is not None:
        check_multiple(field, currency, asked)


def check_currency(fields: Fields, currency: str) -> None:
    """Where a currency is only repeated, it must be the object's."""
    code = fields.get("currency")
    if code is not None and known("currency", code) != currency:
        raise Unreadable("currency", "not the currency of what is stored at Stripe")


def path_id(reading: Reading) -> str:
    return checked_id("id", reading.operation.object_id or "")


def checked_id(field: str, text: str) -> str:
    """An id that can be put into the path of a lookup."""
    if _ID.fullmatch(text) is None:
        raise Unreadable(field, "not an id of Stripe's")
    return text


def shown(amount: int, currency: str) -> str:
    return f"{show_minor(amount, EXPONENTS[currency])} {currency.upper()}"


def found_intent(reading: Reading, found: Sequence[Answer]) -> Intent | Lookup:
    why = "the amount of the intent is at Stripe"
    return look_up("/v1/payment_intents/", path_id(reading), why, read_intent, found)


def found_charge(charge_id: str, found: Sequence[Answer]) -> Charge | Lookup:
    why = "the amount of the charge is at Stripe"
    return look_up("/v1/charges/", charge_id, why, read_charge, found)


def look_up(
    path: str,
    object_id: str,
    why: str,
    read: Callable[[Mapping[str, Any]], Named],
    found: Sequence[Answer],
    more: str = "",
) -> Named | Lookup:
    """The object of this id as Stripe shows it, or how to ask for it. more: a query, with its `?`.
    Raises Unpriced for an answer that is another object, or does not say what it must."""
    if not found:
        return look_at(f"{path}{object_id}{more}", why)
    try:
        thing = read(read_object(found[0].body))
    except Unclear as exc:
        raise Unpriced(f"looking up {object_id}: {exc}") from exc
    check_found(thing.id, object_id)
    return thing


def look_at(target: str, why: str) -> Lookup:
    """A GET of one object, with the version that `/v2` insists on."""
    return Lookup(target, why, headers=_V2_HEADERS if target.startswith("/v2/") else ())


def check_found(found_id: str, asked_id: str) -> None:
    if found_id != asked_id:
        raise Unpriced(f"looking up {asked_id} found another object")


def nothing_more(object_id: str, status: str) -> Quote:
    """The object is through. Belongs to none: what has moved is no business of this call."""
    return Quote(0, f"{object_id} is {status} and cannot move more")


def total_quote(
    object_id: str, currency: str, total: int, before: int, rates: Rates, kept: Rate | None
) -> Quote:
    """What the object comes to, and what of it had moved before; both in minor units."""
    currency = known("currency", currency)
    rate = rate_for(currency, rates, kept)
    amount_micros = rate.to_micros(total)
    before_micros = amount_micros - rate.to_micros(total - before)
    how = f"{object_id} comes to {shown(total, currency)} in all"
    return Quote(amount_micros, how, currency, total, rate, object_id, before_micros)
