"""What a life of cycles takes as known: no more than the disk is sure to keep."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import pytest

from bench.sandbox.launch import Sandbox
from tests.crash import life as lives
from tests.crash.crowd import Broken, Call
from tests.crash.kills import Tally
from tests.crash.life import Life, Told
from tests.house import Gateway, VaultKey
from tests.wishes import DECLINED, PAYS, Wish

KEY: Final = VaultKey("vk_1", "vault_key_1", {})


class Always(random.Random):
    def random(self) -> float:
        return 0.0


class Idle:
    """A vendor that nobody asks."""

    def reset(self) -> None:
        """It has nothing."""


@pytest.mark.parametrize(("wish", "status", "back"), [(DECLINED, 402, 1000), (PAYS, 200, 0)])
def test_what_a_retry_gave_back_may_come_back_with_the_next_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wish: Wish, status: int, back: int
) -> None:
    """The ending of a declined retry is on its way to the disk for some milliseconds. Killed then,
    the hold is in doubt and counts again; a tally that knew better called that over-counted."""
    life = Life(tmp_path, cast("Sandbox", Idle()), Always(), Told())
    tally = life._tallies[KEY.id] = Tally()
    spent = wish.counted(status)
    record: dict[str, Any] = {"id": KEY.id, "in_doubt_usd": "0.00"}
    record["total_spent_usd"] = f"{spent / 100:.2f}"

    async def retry(gateway: Gateway, calls: Sequence[Call]) -> None:
        for call in calls:
            call.status = status

    monkeypatch.setattr(lives, "retry", retry)
    monkeypatch.setattr(Life, "_records", lambda self: [record])
    call = Call(wish, KEY, "crowd-1")
    life._ask_again([Broken(KEY, call, 0)])
    life._take_as_known()
    assert (tally.least, tally.most) == (spent, spent + back)
    life._ask_again([])
    life._take_as_known()
    assert tally.most == spent, "the next kill has shown what the disk kept"
