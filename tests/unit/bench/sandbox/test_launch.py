"""A sandbox starts, says where it is, and ends when it should."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bench.sandbox.launch import ROOT, Sandbox


def test_it_ends_in_good_order() -> None:
    sandbox = Sandbox.start()
    assert sandbox.state() == {"accounts": [], "faults": [], "connections": 1}
    assert sandbox.stop() == 0


def test_it_ends_with_its_parent() -> None:
    command = [sys.executable, "-m", "bench.sandbox", "stripe", "--exit-with-parent"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert json.loads(process.stdout.readline())["vendor"] == "stripe"
        process.stdin.close()
        assert process.wait(20) == 0


def test_a_port_in_use_is_one_line_and_code_3() -> None:
    with Sandbox.start() as sandbox:
        command = [sys.executable, "-m", "bench.sandbox", "stripe", "--listen", sandbox.address]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 3
    assert second.stderr.startswith("sandbox: ")
    assert second.stderr.count("\n") == 1


def test_a_control_that_is_refused_says_why() -> None:
    with Sandbox.start() as sandbox:
        with pytest.raises(ValueError, match="no such control"):
            sandbox.control("POST", "nonsense")
        with pytest.raises(ValueError, match="pi_nobody"):
            sandbox.control("POST", "payer", {"payment_intent": "pi_nobody"})
        status, _, body = sandbox.request("POST", "/_sandbox/behave", b"{")
        assert (status, b"JSONDecodeError" in body) == (400, True)


def test_a_sandbox_that_cannot_start_raises() -> None:
    with pytest.raises(RuntimeError, match="exit code 2"):
        Sandbox.start("nobody")
