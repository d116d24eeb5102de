"""Bodies through nobody and through a proxy; one that breaks."""

from __future__ import annotations

from dataclasses import replace

from bench import cast, stage, streams


def test_bodies_go_up_and_down_and_who_breaks_is_left_out() -> None:
    lines: list[str] = []
    with stage.stage() as made:
        cast.enter(made, ["direct", "aiohttp"], print)
        nobody = replace(made.carriers[0], name="nobody", address=f"127.0.0.1:{stage.free_port()}")
        made.carriers.append(nobody)
        played = streams.play_all(made, 1 << 20, 1, lines.append)
        assert streams.play_all(made, 0, 1, lines.append) == []
        [why] = made.left_out
    assert [(stream.contender, stream.way) for stream in played] == [
        ("direct", "up"), ("direct", "down"), ("aiohttp", "up"), ("aiohttp", "down"),
    ]  # fmt: skip
    assert all(streams.mb_s(stream) > 0 for stream in played)
    assert why.startswith("nobody, a body up: ")
    assert lines[0] == f"left out: {why}"
    assert streams.cpu_s_per_gb(replace(played[0], size=10**9, cpu_s=2.0)) == 2.0
