"""How Stripe counts each currency: decimals, odd multiples, and the way to a rate.

Sources: docs.stripe.com/currencies (mirrors of 2026-07 to 2026-09; the three-decimal rule from the
archive of 2022-12). An ISO 4217 table would be wrong by a factor of 100 for ISK and UGX: both are
written with two decimals at Stripe and must be whole units. Codes are documented in lower case;
case is folded for the look-up alone, so that `JPY` cannot slip past a table of `jpy`. A code that
is not listed here is refused.
"""

from __future__ import annotations

from typing import Final

from vendors.contract import RuleRefused, Unreadable
from vendors.rates import CurrencyUnknown, Rate, Rates, RatesTooOld

_ZERO: Final = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE: Final = "bhd jod kwd omr tnd"
_TWO: Final = (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd "
    "cad cdf chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd "
    "hkd hnl htg huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd "
    "mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar "
    "ron rsd rub sar sbd scr sek sgd shp sle sos srd std szl thb tjs top try ttd twd tzs uah "
    "ugx usd uyu uzs wst xcd xcg yer zar zmw"
)
EXPONENTS: Final = {
    **dict.fromkeys(_ZERO.split(), 0),
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_THREE.split(), 3),
}
"""Every currency that Stripe presents prices in -> decimals of its amounts."""

_MULTIPLES: Final = {"isk": 100, "ugx": 100, **dict.fromkeys(_THREE.split(), 10)}
"""What an amount must be a multiple of: whole krónur and shillings; a three-decimal's last digit is
0."""


def known(field: str, currency: str) -> str:
    """The code in lower case. Raises Unreadable when it is none of Stripe's."""
    folded = currency.lower()
    if folded not in EXPONENTS or not currency.isascii():
        raise Unreadable(field, "not a currency that Stripe is known to take")
    return folded


def check_multiple(field: str, currency: str, amount: int) -> None:
    """Raises Unreadable for an amount that Stripe would not take as it stands."""
    multiple = _MULTIPLES.get(currency)
    if multiple is not None and amount % multiple:
        raise Unreadable(field, f"an amount in {currency} must be a multiple of {multiple}")


def rate_for(currency: str, rates: Rates, kept: Rate | None) -> Rate:
    """currency: known, in lower case. kept: the rate of the object's earlier hold, used again where
    it is of the same currency. Raises RuleRefused when the table is stale, Unreadable when it has
    no rate."""
    exponent = EXPONENTS[currency]
    if kept is not None and (kept.currency, kept.exponent) == (currency, exponent):
        return kept
    try:
        return rates.rate(currency, exponent)
    except RatesTooOld as old:
        raise RuleRefused("rates_age", str(old)) from old
    except CurrencyUnknown as exc:
        raise Unreadable("currency", f"there is no exchange rate for {currency}") from exc
