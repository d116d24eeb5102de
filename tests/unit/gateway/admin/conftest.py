from __future__ import annotations

import pytest

from tests.unit.gateway.admin.side import Side


@pytest.fixture
def side() -> Side:
    return Side()
