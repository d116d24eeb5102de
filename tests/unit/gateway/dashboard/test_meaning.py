"""Every code and state is explained; docs/errors.md is held to the same words elsewhere."""

from __future__ import annotations

from gateway import errors
from gateway.dashboard.meaning import CODES, STATES
from gateway.dashboard.wishes import STATES as ASKED
from gateway.errors import AdminRefusal, Refusal

KINDS = {kind for kind in vars(errors).values() if isinstance(kind, type)}


def test_every_code_that_a_caller_can_get_is_explained() -> None:
    codes = {
        kind.code
        for kind in KINDS
        if issubclass(kind, Refusal) and not issubclass(kind, AdminRefusal)
    }
    assert set(CODES) == codes


def test_every_state_is_explained() -> None:
    assert set(STATES) == set(ASKED)
