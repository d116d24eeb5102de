"""A refusal of ours in Stripe's own error shape, for callers that are Stripe SDKs.

stripe-python takes a string in `error` for an OAuth error and crashes on it; stripe-node takes a
body without `error` for a success. So `error` is an object with Stripe's type and our code, and the
facts stand in it and beside it (probed with stripe-python 16.1.0 and stripe-node 23.1.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TYPES: Final = {
    401: "authentication_error",
    409: "idempotency_error",
    429: "rate_limit_error",
}


def refusal(status: int, code: str, message: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """facts: JSON values; `field` becomes Stripe's `param` as well. None of them hides our code."""
    fallback = "api_error" if status >= 500 else "invalid_request_error"
    error: dict[str, Any] = {
        **facts,
        "type": _TYPES.get(status, fallback),
        "code": code,
        "message": message,
    }
    if "field" in facts:
        error["param"] = facts["field"]
    return {**facts, "error": error}
