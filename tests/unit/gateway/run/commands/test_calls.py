"""keybrake calls …, as it is typed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.run import cli
from gateway.run.commands import calls, show

ROW = {"id": "call_1", "at": "2026-01-01T00:00:00.000Z", "decision": "refused", "status": 429}


def page(*ids: str) -> dict[str, Any]:
    return {"data": [ROW | {"id": name} for name in ids], "has_more": False}


def test_list_with_filters(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.will("GET", "/vault/calls?run=a%2F1&code=x&limit=20", page("call_1"))
    assert cli.main(["calls", "list", "--run", "a/1", "--code", "x"]) == 0
    assert "refused" in capsys.readouterr().out
    assert cli.main(["calls", "list", "--run", "a/1", "--code", "x", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "call_1"


def test_the_rule_is_shown_where_there_is_one_and_room(
    gateway: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    full = ROW | {
        "id": f"call_{'0' * 26}", "run": "billing/8f31", "method": "POST", "path": "/v1/charges",
        "code": "policy_refused", "quote_usd": "12.00", "cost_usd": "0.00", "duration_ms": 3,
    }  # fmt: skip
    ruled = full | {"rule": "per_call_usd_max"}
    gateway.will("GET", "/vault/calls?limit=20", {"data": [ruled], "has_more": False})
    assert cli.main(["calls", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("  per_call_usd_max")
    gateway.will("GET", "/vault/calls/call_1", ruled)
    assert cli.main(["calls", "show", "call_1"]) == 0
    assert "rule         per_call_usd_max" in capsys.readouterr().out
    for rows in ([ruled], [ruled | {"rule": "params:" + "x" * 99}, full]):
        assert max(map(len, show.table(rows, calls.COLUMNS, 80))) <= 80
        wide = list(show.table(rows, calls.COLUMNS, 160))
        assert wide[0].endswith("RULE")
        assert max(map(len, wide)) <= 160
    assert "RULE" not in next(show.table([full], calls.COLUMNS))


def looks(
    gateway: Any, monkeypatch: pytest.MonkeyPatch, *steps: tuple[dict[str, Any], int]
) -> None:
    """What the log answers at each look of `tail` after the first, and then Ctrl-C."""
    left = iter(steps)

    def sleep(seconds: float) -> None:
        step = next(left, None)
        if step is None:
            raise KeyboardInterrupt
        gateway.will("GET", "/vault/calls?limit=100", *step)

    monkeypatch.setattr(time, "sleep", sleep)


def test_tail_tells_what_is_new_oldest_first_and_once(
    gateway: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.will("GET", "/vault/calls?limit=100", page("call_1"))
    later = page("call_5", "call_4", "call_3", "call_2", "call_1", "call_0")
    looks(gateway, monkeypatch, (page("call_4", "call_2", "call_1"), 200), (later, 200))
    assert cli.main(["calls", "tail"]) == 130
    head, *lines = capsys.readouterr().out.splitlines()
    told = [line.split("  ")[1] for line in lines]
    assert told == ["call_2", "call_4", "call_3", "call_5"], "call_3 was written late"
    for name, text in (("ID", "call_2"), ("DECISION", "refused"), ("STATUS", "429")):
        assert head.index(f" {name} ") == lines[0].index(f" {text}"), "heads stand above"


def test_tail_outlives_its_gateway(
    gateway: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.will("GET", "/vault/calls?limit=100", page("call_1"))
    draining = {"error": "draining", "detail": "x"}
    looks(
        gateway,
        monkeypatch,
        (b"{", 200),  # type: ignore[arg-type]
        (b"{", 200),  # type: ignore[arg-type]
        (draining, 503),
        (page("call_2", "call_1"), 200),
    )
    assert cli.main(["calls", "tail", "--json"]) == 130
    out, err = capsys.readouterr()
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["call_2"]
    assert err.count("waiting for it") == 1
    assert err.count("answers again") == 1


def test_tail_ends_where_it_is_refused(
    gateway: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.will("GET", "/vault/calls?limit=100", page("call_1"))
    looks(gateway, monkeypatch, ({"error": "admin_key_unknown"}, 401))
    assert cli.main(["calls", "tail"]) == 4
    assert "admin_key_unknown" in capsys.readouterr().err


def test_what_a_tail_remembers_is_bounded() -> None:
    seen = calls.Seen([])
    many = [{"id": f"call_{number:04}"} for number in range(3 * calls.OVERLAP)]
    assert seen.new(many[::-1]) == many
    assert seen.new(many[::-1]) == []
    assert seen.new([{"id": "call_9999"}, *many[::-1]]) == [{"id": "call_9999"}]
    assert seen.new([{"id": "a"}]) == [], "before all that is remembered"


@pytest.mark.parametrize("text", ["0", "x", "9999"])
def test_an_interval_is_some_seconds(text: str) -> None:
    with pytest.raises(SystemExit):
        cli.main(["calls", "tail", "--interval", text])


def test_what_is_open_and_a_persons_word_on_it(
    gateway: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.will("GET", "/vault/calls/call_1", ROW)
    gateway.will("GET", "/vault/in-doubt?limit=20", page("call_1"))
    gateway.will("GET", "/vault/pending?state=standing&limit=20", page("call_2"))
    resolved = {"id": "call_1", "state": "settled", "cost_usd": "12.00", "reason": "seen"}
    gateway.will("POST", "/vault/calls/call_1/resolve", resolved)
    for words in (["show", "call_1"], ["in-doubt"], ["pending", "--state", "standing"]):
        assert cli.main(["calls", *words]) == 0
    out = capsys.readouterr().out
    assert "call_1" in out
    assert "call_2" in out
    resolve = ["calls", "resolve", "call_1", "--reason", "seen"]
    assert cli.main([*resolve, "--settled", "12.00"]) == 0
    settled = {"outcome": "settled", "reason": "seen", "cost_usd": "12.00"}
    assert gateway.asked[-1][2] == settled
    assert cli.main([*resolve, "--released", "--json"]) == 0
    assert gateway.asked[-1][2] == {"outcome": "released", "reason": "seen"}
    with pytest.raises(SystemExit):
        cli.main(resolve)


def test_a_span_of_the_log(gateway: Any) -> None:
    gateway.will("GET", "/vault/calls?since=a&until=b&limit=20", page("call_1"))
    assert cli.main(["calls", "list", "--since", "a", "--until", "b"]) == 0


def test_export_to_stdout_or_a_file(
    gateway: Any, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    gateway.will("GET", "/vault/calls/export?format=csv", b"id,at\nx,y\n")
    file = tmp_path / "calls.csv"
    words = ["calls", "export", "--format", "csv"]
    assert cli.main([*words, "--output", str(file)]) == 0
    assert file.read_bytes() == b"id,at\nx,y\n"
    assert cli.main(words) == 0
    assert cli.main([*words, "--output", str(tmp_path / "no" / "folder")]) == 1


def test_a_refused_export_leaves_an_older_file_alone(gateway: Any, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("older")
    assert cli.main(["calls", "export", "--output", str(file)]) == 4
    assert file.read_text() == "older"
