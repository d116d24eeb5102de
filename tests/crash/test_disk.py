"""The disk fails under a real gateway, system call by system call.

no room            503 before anything is sent; reads go on; it recovers by itself
interrupted        nobody notices (a sync that was: as an I/O error)
an I/O error       of a write or a sync: whoever waits is told 503, the process ends with
                   exit code 1, and a start knows all that left
half a write       and then an error: the same
nothing, for long  503, and then the same
"""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path
from typing import Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.crash.kills import posts, verified
from tests.crash.tracing import failing, must_trace
from tests.house import Answer, Closed, Gateway, VaultKey
from tests.wishes import PAYS, in_cents

pytestmark = pytest.mark.crash

BROKEN: Final = (
    "fdatasync:error=EIO",
    "pwrite64:error=EIO",
    "fdatasync:error=ENOSPC",
    "fdatasync:error=EINTR",
)
"""A sync that failed is never tried again: nobody knows what it left, whatever it says."""
LOOKS_MAX: Final = 100_000
"""Looks at a gateway before a test gives up: half a minute or more."""


def logs(gateway: Gateway) -> list[Path]:
    return [gateway.directory / f"ledger-{shard}.db-wal" for shard in (0, 1)]


def pays(gateway: Gateway, key: VaultKey) -> Answer | None:
    """None: it ended over the call, or before."""
    try:
        return gateway.call(key, "POST", PAYS.path, form=PAYS.form())
    except (Closed, ConnectionError):
        return None


def reasons(gateway: Gateway) -> list[str]:
    told: list[str] = gateway.request("GET", "/readyz").json()["reasons"]
    return told


def until_reasons(gateway: Gateway, expected: list[str]) -> None:
    """A journal looks twice a second whether it is well again; each look here is a question that
    the same loop answers."""
    for _ in range(LOOKS_MAX):
        if reasons(gateway) == expected:
            return
    raise AssertionError(reasons(gateway))


def until_said(gateway: Gateway, words: str) -> None:
    """tail waits for what is written; it is given up after a minute."""
    log = str(gateway.directory / "stderr.log")
    command = ["timeout", "60", "tail", "-n", "+1", "-f", log]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        said = any(words in line for line in following.stdout)
        following.terminate()
    assert said, gateway.said


def knows_what_left(gateway: Gateway, key: VaultKey, vendor: Sandbox) -> None:
    """After a new start, on books that are whole."""
    verified(gateway)
    gateway.restart()
    record = gateway.record(key)
    spent = in_cents(record["spent_usd"])
    assert vendor.charged() <= spent <= vendor.charged() + 2 * PAYS.cents
    assert (record["held_usd"], record["over_cap_usd"]) == ("0.00", "0.00")
    answer = pays(gateway, key)
    assert answer is not None
    assert answer.status == 200


@pytest.mark.parametrize("fault", ["pwrite64:error=ENOSPC", "pwrite64:retval=0"])
def test_no_room_refuses_before_anything_is_sent_and_recovers_by_itself(
    gateway: Gateway, vendor: Sandbox, fault: str
) -> None:
    must_trace()
    key = gateway.make_key()
    with failing(gateway, fault, files=logs(gateway)):
        for _ in range(3):
            refused = pays(gateway, key)
            assert refused is not None
            assert (refused.status, refused.error) == (503, "ledger_unavailable")
        assert reasons(gateway) == ["ledger: disk full"]
        assert gateway.record(key)["spent_usd"] == "0.00", "reads go on, and nothing is held"
    assert posts(vendor) == 0
    until_reasons(gateway, [])
    answer = pays(gateway, key)
    assert answer is not None
    assert answer.status == 200
    assert gateway.record(key)["spent_usd"] == "10.00"
    assert gateway.stop() == 0
    verified(gateway)


def test_a_call_that_left_settles_when_there_is_room_again(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """It was sent before the disk was full, and its ending waits in the queue."""
    must_trace()
    key = gateway.make_key()
    answer = pays(gateway, key)
    assert answer is not None
    with failing(gateway, "pwrite64:error=ENOSPC:when=2+", files=logs(gateway)):
        for _ in range(3):
            pays(gateway, key)
    until_reasons(gateway, [])
    spent = in_cents(gateway.record(key)["spent_usd"])
    assert spent == vendor.charged()
    gateway.kill()
    knows_what_left(gateway, key, vendor)


def test_interrupted_writes_are_nobody_s_business(gateway: Gateway, vendor: Sandbox) -> None:
    must_trace()
    key = gateway.make_key()
    with failing(gateway, "pwrite64:error=EINTR:when=1+3", files=logs(gateway)):
        for _ in range(5):
            answer = pays(gateway, key)
            assert answer is not None
            assert answer.status == 200
    assert vendor.charged() == 5 * PAYS.cents == in_cents(gateway.record(key)["spent_usd"])
    gateway.kill()
    knows_what_left(gateway, key, vendor)


@pytest.mark.parametrize("fault", BROKEN)
def test_an_io_error_ends_the_process_and_a_start_replays(
    gateway: Gateway, vendor: Sandbox, fault: str
) -> None:
    must_trace()
    key = gateway.make_key()
    assert pays(gateway, key) is not None
    with failing(gateway, fault, files=logs(gateway)):
        refused = pays(gateway, key)
        if refused is not None:
            assert (refused.status, refused.error) == (503, "ledger_unavailable")
    assert gateway.wait() == 1
    assert "the ledger can no longer be trusted" in gateway.said
    assert posts(vendor) == 1, "nothing left that was not on disk"
    knows_what_left(gateway, key, vendor)


def test_a_write_that_breaks_off_in_the_middle_is_an_io_error_too(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """A limit on the size of files makes the kernel take a piece first. Needs no strace."""
    key = gateway.make_key()
    assert pays(gateway, key) is not None
    for room in (1_000, 24, 4_100):
        size = max(log.stat().st_size for log in logs(gateway) if log.exists())
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (size + room, unlimited[1]))
        for _ in range(LOOKS_MAX):
            answer = pays(gateway, key)
            if answer is None or answer.status == 503:
                break
        assert gateway.wait() == 1
        assert "the ledger can no longer be trusted" in gateway.said
        knows_what_left(gateway, key, vendor)


def test_a_disk_that_does_not_answer_refuses_and_then_ends_the_process(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """Two seconds and ten by default; here less."""
    must_trace()
    key = gateway.make_key()
    gateway.stop()
    gateway.env |= {
        "KEYBRAKE__LEDGER__STALL_REFUSE_S": "0.5",
        "KEYBRAKE__LEDGER__STALL_EXIT_S": "3",
    }
    gateway.restart()
    sent = posts(vendor)
    with failing(gateway, "fdatasync:delay_enter=60s", files=logs(gateway)):
        with gateway.wire() as waiting:
            waiting.send(PAYS.request(key))
            until_reasons(gateway, ["ledger: stalled"])
            refused = pays(gateway, key)
            assert refused is not None
            assert (refused.status, refused.error) == (503, "ledger_unavailable")
        until_said(gateway, "a commit takes longer than 3")
    assert gateway.wait() == 1, "it could not end before strace let go of it"
    assert posts(vendor) == sent
    knows_what_left(gateway, key, vendor)
