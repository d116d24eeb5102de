"""Turns a day's file of exchange rates into our table: `python -m vendors.refresh_rates
PACKAGE_JSON OUT`, or `keybrake rates OUT`, which fetches the file as well.

PACKAGE_JSON is `package/v1/currencies/usd.json` of the npm package `@fawazahmed0/currency-api`
(CC0; one version a day, fetched with `npm pack @fawazahmed0/currency-api@latest`): `{"date": …,
"usd": {code: units for one USD}}`. Numbers stay the decimal text they were written as; no float
comes near them. The table is written beside OUT first, loaded as a gateway would load it, and only
then renamed onto it: a gateway that starts meanwhile reads the old or the new.
"""

from __future__ import annotations

import datetime
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from vendors.rates import Rates, RatesMistake
from vendors.stripe.currencies import EXPONENTS

_ABOUT: Final = (
    "Units of each currency that one USD buys. Written by python -m vendors.refresh_rates."
)
_SOURCE: Final = "npm @fawazahmed0/currency-api, v1/currencies/usd.json"
_DECIMALS_MAX: Final = 12


def convert(source: dict[str, Any]) -> dict[str, Any]:
    """source: the package's file, numbers as text. Raises KeyError, ValueError when it is another
    file."""
    date = datetime.date.fromisoformat(source["date"])
    units = source["usd"]
    table = {code: _plain(units[code]) for code in sorted(EXPONENTS) if code in units}
    del table["usd"]
    return {
        "about": _ABOUT,
        "source": _SOURCE,
        "licence": "CC0-1.0",
        "date": date.isoformat(),
        "units_per_usd": table,
    }


def main(argv: Sequence[str]) -> int:
    if len(argv) != 2:
        sys.stderr.write("usage: python -m vendors.refresh_rates PACKAGE_JSON OUT\n")
        return 2
    source, out = map(Path, argv)
    try:
        told = write(read(source.read_text("utf-8")), out)
    except (OSError, ValueError) as exc:
        sys.stderr.write(f"{source}: {exc}\n")
        return 1
    sys.stdout.write(f"{told}\n")
    return 0


def read(text: str) -> dict[str, Any]:
    """The package's file, as our table. Raises RatesMistake when it is another file."""
    try:
        return convert(json.loads(text, parse_float=str, parse_int=str))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise RatesMistake(f"not a file of rates ({exc!r:.200})") from exc


def write(table: dict[str, Any], out: Path) -> str:
    """What is in it now, in one line. Raises OSError, and RatesMistake for a table that no gateway
    would load: then OUT is as it was."""
    beside = out.with_name(out.name + ".new")
    try:
        beside.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
        Rates.load(beside, "0", 1)
        os.replace(beside, out)
    finally:
        beside.unlink(missing_ok=True)
    return f"{out}: {len(table['units_per_usd'])} currencies of {table['date']}"


def _plain(number: str) -> str:
    """Decimal digits, cut to 12 decimals. Fewer units for one USD is the dearer, hence the safe
    side."""
    whole, _, decimals = number.partition(".")
    if not (whole + decimals).isdecimal():
        raise ValueError(f"not a plain decimal number: {number!r}")
    return f"{whole}.{decimals[:_DECIMALS_MAX]}" if decimals else whole


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
