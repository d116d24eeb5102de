"""The bench against a real gateway: each of our modes starts, answers every kind of call, and is
measured. Without wrk and without peers, which need to be installed."""

from __future__ import annotations

from bench import cast, scenarios, stage, streams

PLAN = scenarios.Plan(
    ("direct", "keybrake", "normal", "unwritten", "tls"),
    rounds=1, seconds=0.1, warm_seconds=0.05, callers=(2,),
)  # fmt: skip


def test_every_mode_of_ours_is_measured() -> None:
    with stage.stage(tls=True) as made:
        cast.enter(made, PLAN.names, print)
        rounds, _ = scenarios.closed_rounds(made, PLAN, print)
        bodies = streams.play_all(made, 1 << 20, 1, print)
        left_out = made.left_out
    assert left_out == []
    assert [(played.contender, played.kind) for played in rounds] == [
        ("direct", "charge"),
        ("direct", "read"),
        ("keybrake FULL", "charge"),
        ("keybrake FULL", "read"),
        ("keybrake FULL", "message"),
        ("keybrake FULL", "mail"),
        ("keybrake NORMAL", "charge"),
        ("keybrake unwritten", "charge"),
        ("keybrake FULL, TLS", "charge"),
    ]
    assert all(played.requests for played in rounds)
    assert {(played.refused, played.broken) for played in rounds} == {(0, 0)}
    assert [(body.contender, body.way) for body in bodies] == [
        ("direct", "up"), ("direct", "down"), ("keybrake FULL", "up"), ("keybrake FULL", "down"),
    ]  # fmt: skip
