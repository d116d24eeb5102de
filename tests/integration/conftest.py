"""Who reads the dashboard without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.pages import Visitor

if TYPE_CHECKING:
    from tests.browser.people import Town


@pytest.fixture
def visitor(place: Town) -> Visitor:
    """Signed in."""
    made = Visitor(place.gateway)
    assert made.sign_in().status == 200
    return made
