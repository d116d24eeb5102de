"""Operations of Twilio's that a price hangs on, one of each kind: method, product, path."""

from __future__ import annotations

from typing import Final

ACCOUNT: Final = "AC" + "0a" * 16
ROOT: Final = f"/2010-04-01/Accounts/{ACCOUNT}"
SM: Final = "SM" + "1c" * 16
CA: Final = "CA" + "1d" * 16
TWILIO: Final = (
    ("POST", "", f"{ROOT}/Messages.json"),
    ("POST", "", f"{ROOT}/Messages/{SM}.json"),
    ("POST", "", f"{ROOT}/Calls.json"),
    ("POST", "", f"{ROOT}/Calls/{CA}.json"),
    ("POST", "", f"{ROOT}/Conferences/CF1/Participants.json"),
    ("POST", "", f"{ROOT}/IncomingPhoneNumbers.json"),
    ("POST", "verify", "/v2/Services/VA1/Verifications"),
    ("POST", "verify", "/v2/Services/VA1/VerificationCheck"),
    ("POST", "lookups", "/v2/batch/query"),
    ("GET", "lookups", "/v2/PhoneNumbers/+14155552671"),
    ("POST", "messaging", "/v1/a2p/BrandRegistrations"),
)
