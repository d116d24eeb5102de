"""Every error the sandbox answers, in Resend's shape: `{"statusCode", "name", "message"}`.

Names and statuses as in Resend's list of errors (resend.com/docs/api-reference/errors).
"""

from __future__ import annotations

from bench.sandbox.wire import Obj


class ResendError(Exception):
    """status: HTTP. name: what tells errors of one status apart."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name

    @property
    def body(self) -> Obj:
        return {"statusCode": self.status, "name": self.name, "message": str(self)}


def missing_key() -> ResendError:
    return ResendError(401, "missing_api_key", "Missing API key in the authorization header.")


def bad_key() -> ResendError:
    return ResendError(403, "invalid_api_key", "API key is invalid")


def restricted_key() -> ResendError:
    return ResendError(401, "restricted_api_key", "This API key is restricted to only send emails")


def missing(field: str) -> ResendError:
    return ResendError(422, "missing_required_field", f"Missing `{field}` field.")


def invalid(message: str) -> ResendError:
    return ResendError(422, "validation_error", message)


def not_found(what: str) -> ResendError:
    return ResendError(404, "not_found", f"{what} not found")


def not_allowed() -> ResendError:
    return ResendError(
        405, "method_not_allowed", "This endpoint does not support the specified HTTP method."
    )
