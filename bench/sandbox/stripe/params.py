"""Reading parameters: one small reader for each kind of value, one spec for each operation.

A spec maps each known parameter to its reader; anything else is refused as Stripe refuses it.
Readers get the parameter's name and the decoded value (text, map or list) and give the typed value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from bench.sandbox.form import listed
from bench.sandbox.stripe import errors
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.wire import Obj

Reader = Callable[[str, Any], Any]
Spec = Mapping[str, Reader]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


INTEGER: Final = re.compile(r"-?[0-9]{1,18}", re.ASCII)
DECIMAL: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,12})?", re.ASCII)
ZERO_DECIMAL: Final = words("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf")
THREE_DECIMAL: Final = words("bhd jod kwd omr tnd")
WHOLE_UNITS: Final = frozenset({"isk", "ugx"})
MINIMUM: Final = {
    "usd": 50, "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1_500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17_500, "inr": 50, "jpy": 50, "mxn": 1_000,
    "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1_000,
}  # fmt: skip
"""Smallest charge in minor units (docs.stripe.com/currencies). Others have none here."""
CURRENCIES: Final = frozenset(MINIMUM) | ZERO_DECIMAL | THREE_DECIMAL | WHOLE_UNITS | words(
    "afn all amd ang aoa ars awg azn bam bbd bdt bgn bmd bnd bob bsd bwp byn bzd cdf cny cop "
    "crc cve dop dzd egp etb fjd fkp gel gip gmd gtq gyd hnl htg idr ils jmd kes kgs khr kyd "
    "kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mzn nad ngn nio npr pab pen "
    "pgk php pkr qar rsd rub sar sbd scr shp sle sos srd std szl tjs top try ttd twd tzs uah "
    "uyu uzs wst xcd yer zar zmw"
)  # fmt: skip
AMOUNT_MAX: Final = 999_999_999_999


def read(tree: Obj, spec: Spec, required: tuple[str, ...] = ()) -> Obj:
    """Typed values of all parameters given. Raises StripeError for the first one that is wrong."""
    for name in required:
        if name not in tree:
            raise errors.missing(name)
    values: Obj = {}
    for name, value in tree.items():
        reader = spec.get(name)
        if reader is None:
            raise errors.unknown(name)
        values[name] = reader(name, value)
    return values


def any_value(name: str, value: Any) -> Any:
    return value


def spec(names: str = "", /, **typed: Reader) -> Spec:
    """A spec: `names` are taken as they come, the typed ones are read. Any call may expand."""
    return {
        **dict.fromkeys(names.split(), any_value),
        "expand": array,
        "metadata": metadata,
        **typed,
    }


def text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise errors.invalid("string", name, value)
    if value == "":
        raise errors.empty(name)
    return value


def clearable(name: str, value: Any) -> str | None:
    """A text that may be unset with an empty value."""
    if not isinstance(value, str):
        raise errors.invalid("string", name, value)
    return value or None


def integer(name: str, value: Any) -> int:
    if value == "":
        raise errors.empty(name)
    if not isinstance(value, str) or not INTEGER.fullmatch(value):
        raise errors.invalid("integer", name, value, "parameter_invalid_integer")
    return int(value)


def positive(name: str, value: Any) -> int:
    number = integer(name, value)
    if number < 1:
        raise StripeError(
            400,
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param=name,
        )
    if number > AMOUNT_MAX:
        raise StripeError(
            400,
            "Amount must be no more than $9,999,999,999.99",
            code="amount_too_large",
            param=name,
        )
    return number


def boolean(name: str, value: Any) -> bool:
    if value not in ("true", "false"):
        raise errors.invalid("boolean", name, value)
    return bool(value == "true")


def off_session(name: str, value: Any) -> bool:
    """A boolean, or the older words `one_off` and `recurring`, which mean true."""
    return value in ("one_off", "recurring") or boolean(name, value)


def currency(name: str, value: Any) -> str:
    folded = text(name, value).lower()
    if folded not in CURRENCIES:
        raise StripeError(
            400,
            f"Invalid currency: {folded}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(CURRENCIES))}",
            param=name,
        )
    return folded


def mapping(name: str, value: Any) -> Obj:
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise errors.invalid("hash", name, value)
    return value


def inner(outer: Obj, *names: str) -> Obj:
    """A map inside raw values, `a[b][c]` for names a, b, c; empty where it was left out."""
    for depth, name in enumerate(names):
        outer = mapping("".join(f"[{n}]" for n in names[: depth + 1]), outer.get(name, {}))
    return outer


def metadata(name: str, value: Any) -> Obj | None:
    """None: unset all. An empty value unsets one key."""
    if value == "":
        return None
    for key, item in mapping(name, value).items():
        if not isinstance(item, str) or len(key) > 40 or len(item) > 500:
            raise errors.invalid("metadata", f"{name}[{key}]", item)
    return dict(value)


def array(name: str, value: Any) -> list[Any]:
    items = listed(value)
    if not isinstance(items, list):
        raise errors.invalid("array", name, value)
    return items


def one_of(*words: str) -> Reader:
    def reader(name: str, value: Any) -> str:
        if value not in words:
            raise errors.invalid(f"{name}: must be one of {', '.join(words)}", name, value)
        return str(value)

    return reader


def limit(name: str, value: Any) -> int:
    number = integer(name, value)
    if not 1 <= number <= 100:
        raise errors.invalid("integer", name, number, "parameter_invalid_integer")
    return number


def chargeable(amount: int, code: str) -> None:
    """Raises when Stripe would not take this amount in this currency."""
    if code in THREE_DECIMAL and amount % 10:
        raise errors.invalid("integer: last digit must be 0 for this currency", "amount", amount)
    if code in WHOLE_UNITS and amount % 100:
        raise errors.invalid("integer: must be whole units of this currency", "amount", amount)
    least = MINIMUM.get(code, 1)
    if amount < least:
        raise StripeError(
            400,
            f"Amount must be at least {shown(least, code)} {code}",
            code="amount_too_small",
            param="amount",
        )


def shown(amount: int, code: str) -> str:
    """An amount of minor units for a message: 50 usd is 0.50."""
    if code in ZERO_DECIMAL:
        return str(amount)
    places = 3 if code in THREE_DECIMAL else 2
    whole, rest = divmod(amount, 10**places)
    return f"{whole}.{rest:0{places}d}"


def decimal(name: str, value: Any) -> str:
    """A decimal text such as `0.0045`, up to twelve places."""
    if not isinstance(value, str) or not DECIMAL.fullmatch(value):
        raise errors.invalid("decimal", name, value)
    return value


def maps(name: str, value: Any) -> list[Obj]:
    """A list of maps; an empty value is an empty list."""
    if value == "":
        return []
    items = array(name, value)
    for item in items:
        if not isinstance(item, dict):
            raise errors.invalid("array", name, value)
    return items


def number(given: Obj, name: str, otherwise: int) -> int:
    """A whole number that may be left out."""
    found: int = given.get(name, otherwise)
    return found


def merged(old: Obj, new: Obj | None) -> Obj:
    """Metadata after an update."""
    if new is None:
        return {}
    return {key: value for key, value in {**old, **new}.items() if value != ""}
