"""The one fixture of this wing: a house of listeners and clients, cleaned up behind each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.gateway.http.loopback import House


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.clean()
