"""Who can be reached, and how that goes: forms of addresses, and numbers that mean trouble.

Twilio's own magic numbers (`+1500555xxxx`, from its page on test credentials) refuse a request. The
sandbox adds endings: any number that ends in one of `ENDINGS` is accepted and fails later, in any
country.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bench.sandbox.twilio.errors import TwilioError, masked, wrong

E164: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
SHORT_CODE: Final = re.compile(r"\d{3,8}", re.ASCII)
NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 _+&-]{1,11}", re.ASCII)
PUNCTUATION: Final = str.maketrans("", "", " ()-.")
CHANNELS: Final = ("whatsapp:", "messenger:", "rcs:")

OWNED: Final = "+15005550006"
"""Twilio's magic sender; here also what a messaging service sends from."""


@dataclass(frozen=True, slots=True)
class Destiny:
    """How a message to somebody ends. error: Twilio's code. fee: does a failed one cost the
    processing fee? percent: of the list price that it is billed."""

    status: str = "delivered"
    error: int | None = None
    fee: bool = True
    percent: int = 100


ENDINGS: Final = {
    "30003": Destiny("undelivered", 30003),
    "30004": Destiny("undelivered", 30004),
    "30005": Destiny("undelivered", 30005),
    "30006": Destiny("undelivered", 30006),
    "30007": Destiny("undelivered", 30007),
    "30001": Destiny("failed", 30001),
    "30450": Destiny("failed", 30450, fee=False),
    "30008": Destiny("failed", 30008, fee=False),
    "30000": Destiny("sent"),
    "38888": Destiny(percent=200),
    "39999": Destiny(""),
}
"""The last five digits. `""`: it stays queued for ever."""

CALL_ENDINGS: Final = {"40001": "busy", "40002": "no-answer", "40003": "failed"}

TO_MESSAGE: Final = {
    "+15005550001": (21211, "Invalid 'To' Phone Number: {masked}"),
    "+15005550002": (
        21612,
        "Message cannot be sent with the current combination of 'To' ({number}) and/or 'From' "
        "parameters",
    ),
    "+15005550003": (
        21408,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' "
        "number: {number}",
    ),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number: {number}, is not a valid mobile number"),
}
FROM_MESSAGE: Final = {
    "+15005550001": (
        21212,
        "The 'From' number {number} is not a valid phone number, shortcode, or alphanumeric "
        "sender ID.",
    ),
    "+15005550007": (
        21606,
        "The 'From' phone number provided ({number}) is not a valid message-capable Twilio phone "
        "number for this destination.",
    ),
    "+15005550008": (
        21611,
        "This 'From' number has exceeded the maximum number of queued messages",
    ),
}
TO_CALL: Final = {
    "+15005550001": (21217, "Phone number does not appear to be valid: {masked}"),
    "+15005550002": (21214, "'To' phone number cannot be reached: {number}"),
    "+15005550003": (
        21215,
        "Account not authorized to call {number}. Perhaps you need to enable some international "
        "permissions",
    ),
    "+15005550004": (21216, "Account not allowed to call {number}"),
}
FROM_CALL: Final = {
    "+15005550001": (21212, "The source phone number provided, {number}, is not valid."),
    "+15005550007": (
        21210,
        "The source phone number provided, {number}, is not yet verified for your account.",
    ),
}


def refuse_magic(number: str, magic: dict[str, tuple[int, str]]) -> None:
    """Raises TwilioError if the number is one of these."""
    found = magic.get(number)
    if found is not None:
        code, text = found
        raise wrong(code, text.format(number=number, masked=masked(number)))


def e164(text: str) -> str | None:
    """The number that is meant, as an American account reads it; None if there is none."""
    digits = text.translate(PUNCTUATION)
    if not digits.startswith("+"):
        if len(digits) == 10:
            digits = f"+1{digits}"
        elif len(digits) == 11 and digits.startswith("1"):
            digits = f"+{digits}"
    if E164.fullmatch(digits) is None or (digits.startswith("+1") and len(digits) != 12):
        return None
    return digits


def split_channel(address: str) -> tuple[str, str]:
    """`whatsapp:+1…` -> (`whatsapp`, `+1…`); a plain address has the channel ''."""
    for prefix in CHANNELS:
        if address.startswith(prefix):
            return prefix[:-1], address.removeprefix(prefix)
    return "", address


def destiny(number: str) -> Destiny:
    return ENDINGS.get(number[-5:], Destiny())


def no_such_number(number: str) -> TwilioError:
    return wrong(21211, f"Invalid 'To' Phone Number: {masked(number)}")
