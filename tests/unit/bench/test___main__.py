"""What is run for which options."""

from __future__ import annotations

import pytest

from bench import cast
from bench.__main__ import FULL, QUICK, arguments, plan_of
from bench.scenarios import Plan


def plan(*words: str) -> Plan:
    return plan_of(arguments(list(words)))


def test_the_usual_run_and_the_full_one() -> None:
    assert plan() == QUICK
    assert plan("--full") == FULL
    assert "litellm" not in QUICK.names
    assert set(FULL.names) == set(cast.CAST)
    assert QUICK.callers == FULL.callers == (1, 32, 256, 1024)


def test_whoever_names_a_loop_gets_nothing_else() -> None:
    found = plan("--callers", "32", "--only", "direct", "keybrake")
    assert (found.callers, found.names) == ((32,), ("direct", "keybrake"))
    assert found.bursts == found.stream_bytes == 0
    found = plan("--callers", "--open-share", "0.6")
    assert (found.callers, found.open_share, found.open_rate) == ((), 0.6, 0.0)
    assert plan("--callers", "--stream-mib", "1").stream_bytes == 1 << 20


def test_a_full_run_keeps_what_it_is_not_told_otherwise() -> None:
    found = plan("--full", "--rounds", "8", "--bursts", "0")
    assert (found.rounds, found.bursts, found.stream_bytes) == (8, 0, FULL.stream_bytes)


def test_peers_alone() -> None:
    assert plan("--no-gateway").names == ("direct", "aiohttp", "nginx", "uvicorn")


def test_names_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        plan("--only", "haproxy")
    assert "invalid choice: 'haproxy'" in capsys.readouterr().err
