"""A burst through nobody and through a proxy, without wrk."""

from __future__ import annotations

from bench import bursts, cast, stage


def test_every_caller_gets_its_first_answer() -> None:
    lines: list[str] = []
    with stage.stage() as made:
        cast.enter(made, ["direct", "aiohttp"], print)
        played = bursts.play_all(made, 1, lines.append)
        assert bursts.play_all(made, 0, lines.append) == []
    assert [(burst.contender, burst.when, burst.wrong) for burst in played] == [
        ("direct", "quiet", 0), ("aiohttp", "quiet", 0),
    ]  # fmt: skip
    assert all(len(burst.seconds) == bursts.CALLERS for burst in played)
    assert all(burst.seconds == sorted(burst.seconds) for burst in played)
    assert len(lines) == 2
    assert bursts.seconds_of(played, "direct", "quiet") == played[0].seconds
    assert bursts.seconds_of(played, "direct", "busy") == []
