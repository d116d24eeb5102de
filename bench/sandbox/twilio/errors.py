"""Every error the sandbox answers, in Twilio's shape: a number, a message, and where to read more.

Codes and wording as in Twilio's error dictionary (twilio.com/docs/api/errors) and as recorded by
public projects.
"""

from __future__ import annotations

from typing import Final

from bench.sandbox.wire import Obj

DOCS: Final = "https://www.twilio.com/docs/errors/"


class TwilioError(Exception):
    """status: HTTP. code: Twilio's own number."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    @property
    def body(self) -> Obj:
        return body(self.status, self.code, str(self))


def body(status: int, code: int, message: str) -> Obj:
    return {
        "code": code,
        "message": message,
        "more_info": f"{DOCS}{code}",
        "status": status,
    }


def authenticate() -> TwilioError:
    return TwilioError(401, 20003, "Authenticate")


def not_found(path: str) -> TwilioError:
    return TwilioError(404, 20404, f"The requested resource {path} was not found")


def method_not_allowed(method: str) -> TwilioError:
    return TwilioError(405, 20004, f"Method not allowed: {method}")


def too_many() -> TwilioError:
    return TwilioError(429, 20429, "Too Many Requests")


def invalid(parameter: str, value: str) -> TwilioError:
    return TwilioError(400, 20001, f"Invalid parameter {parameter}: {value}")


def wrong(code: int, message: str) -> TwilioError:
    """400, as nearly everything that is wrong with a parameter."""
    return TwilioError(400, code, message)


def masked(number: str) -> str:
    """A number as Twilio repeats it in errors."""
    return f"{number[:-4]}XXXX" if len(number) > 4 else "XXXX"
