"""A refusal of ours in Twilio's own error shape, with our code beside it.

Both Twilio SDKs read `code` (an integer), `message`, `status` and `more_info` and look at nothing
else, so our own code has `error` to itself and one body serves everybody (probed with twilio-python
9.13.0 and twilio-node 6.2.0). The numbers are those of Twilio that mean the same to a program:
20003 authentication, 20403 forbidden, 20404 not found, 20429 too many requests, 20001 a parameter
that is wrong, 20500 a fault that is not the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_CODES: Final = {401: 20003, 402: 20429, 403: 20403, 404: 20404, 429: 20429}
_WRONG: Final = 20001
_FAULT: Final = 20500
_MORE: Final = "https://www.twilio.com/docs/errors/"


def refusal(status: int, code: str, message: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """facts: JSON values. None of them hides our code or Twilio's members. `details` is what
    twilio-python shows of an error beside its number."""
    number = _CODES.get(status, _FAULT if status >= 500 else _WRONG)
    return {
        **facts,
        "error": code,
        "code": number,
        "message": message,
        "more_info": f"{_MORE}{number}",
        "status": status,
        "details": {"error": code, **facts},
    }
