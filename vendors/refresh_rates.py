"""Turns a day's file of exchange rates into our table: `python -m vendors.refresh_rates
PACKAGE_JSON OUT`.

PACKAGE_JSON is `package/v1/currencies/usd.json` of the npm package `@fawazahmed0/currency-api`
(CC0; one version a day, fetched with `npm pack @fawazahmed0/currency-api@latest`): `{"date": …,
"usd": {code: units for one USD}}`. Numbers stay the decimal text they were written as; no float
comes near them. The table is written beside OUT first and renamed onto it, so a gateway that starts
meanwhile reads the old or the new.
"""

from __future__ import annotations

import datetime
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

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
        text = json.loads(source.read_text("utf-8"), parse_float=str, parse_int=str)
        table = convert(text)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        sys.stderr.write(f"{source}: not a file of rates ({exc!r})\n")
        return 1
    beside = out.with_name(out.name + ".new")
    beside.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    os.replace(beside, out)
    sys.stdout.write(f"{out}: {len(table['units_per_usd'])} currencies of {table['date']}\n")
    return 0


def _plain(number: str) -> str:
    """Decimal digits, cut to 12 decimals. Fewer units for one USD is the dearer, hence the safe
    side."""
    whole, _, decimals = number.partition(".")
    if not (whole + decimals).isdecimal():
        raise ValueError(f"not a plain decimal number: {number!r}")
    return f"{whole}.{decimals[:_DECIMALS_MAX]}" if decimals else whole


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
