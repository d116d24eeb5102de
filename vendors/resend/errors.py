"""A refusal of ours in Resend's own error shape, which is flat and has room for ours beside it.

Resend's errors are `{"statusCode", "name", "message"}`. resend-python raises an error of the type
that `name` says, resend-node returns the whole object as `error`; neither looks at `error`. So one
body serves both SDKs and everybody else: our code is in `name` and in `error` (probed with
resend-python 2.52.0 and resend-node 6.38.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def refusal(status: int, code: str, message: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """facts: JSON values. None of them hides our code."""
    return {**facts, "error": code, "message": message, "statusCode": status, "name": code}
