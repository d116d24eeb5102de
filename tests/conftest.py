"""What all tests share: asyncio on uvloop for async tests, a stand-in for Stripe, and a gateway
before it in a fresh directory; and, for those about the dashboard, a town with something to see."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from bench.sandbox.launch import Sandbox
from tests.house import RESEND_SANDBOX, STRIPE_SECRET, TWILIO_SANDBOX, Gateway

if TYPE_CHECKING:
    from tests.browser.people import Town
    from tests.browser.scene import Scene

# Time never fails a test. Where the run decides whether a change lands, examples are the same each
# time; everywhere else new ones are looked for.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="module")
def sandbox_process() -> Iterator[Sandbox]:
    with Sandbox.start("stripe", "--secret", STRIPE_SECRET) as sandbox:
        yield sandbox


@pytest.fixture
def vendor(sandbox_process: Sandbox) -> Sandbox:
    """The sandbox, with nothing in it yet."""
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture(scope="module")
def twilio_process() -> Iterator[Sandbox]:
    with Sandbox.start(*TWILIO_SANDBOX) as sandbox:
        yield sandbox


@pytest.fixture
def twilio(twilio_process: Sandbox) -> Sandbox:
    """Twilio's sandbox, with nothing in it yet."""
    twilio_process.reset()
    return twilio_process


@pytest.fixture(scope="module")
def resend_process() -> Iterator[Sandbox]:
    with Sandbox.start(*RESEND_SANDBOX) as sandbox:
        yield sandbox


@pytest.fixture
def resend(resend_process: Sandbox) -> Sandbox:
    """Resend's sandbox, with nothing in it yet."""
    resend_process.reset()
    return resend_process


@pytest.fixture
def gateway(vendor: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    with Gateway.start(tmp_path, vendor.base_url) as running:
        yield running


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A gateway before stand-ins of all three vendors."""
    from tests.browser.people import town  # here: Playwright is of no use to most tests

    with town(tmp_path_factory.mktemp("gateway")) as made:
        yield made


@pytest.fixture(scope="module")
def scene(place: Town) -> Scene:
    """A day's calls at that gateway."""
    from tests.browser.scene import play

    return play(place)
