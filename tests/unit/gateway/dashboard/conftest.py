"""A person's browser, signed in."""

from __future__ import annotations

import pytest

from tests.unit.gateway.dashboard.visits import Browser


@pytest.fixture
async def browser() -> Browser:
    made = Browser()
    await made.sign_in()
    return made
