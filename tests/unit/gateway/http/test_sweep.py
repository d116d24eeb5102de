"""One look at all connections, again and again, until it is stopped."""

from __future__ import annotations

import asyncio

from gateway.http.service import Live
from gateway.http.sweep import INTERVAL_MAX_S, INTERVAL_MIN_S, Sweep, interval_for
from gateway.settings import ServerSettings


class Counted:
    """A connection that counts the looks; the second one takes it out of the set."""

    peer = "peer"

    def __init__(self, connections: set[Live]) -> None:
        self._connections = connections
        self.looks: list[float] = []
        self.looked_twice = asyncio.Event()

    def expire(self, now_s: float) -> None:
        self.looks.append(now_s)
        if len(self.looks) == 2:
            self._connections.discard(self)
            self.looked_twice.set()

    def retire(self) -> None: ...

    def abort(self) -> None: ...


async def test_every_connection_is_looked_at_until_the_stop() -> None:
    loop = asyncio.get_running_loop()
    connections: set[Live] = set()
    all_counted = [Counted(connections) for _ in range(3)]
    connections.update(all_counted)
    sweep = Sweep(connections, 0.001, loop)
    sweep.start()
    for counted in all_counted:
        await counted.looked_twice.wait()
        assert counted.looks == sorted(counted.looks)
    sweep.stop()
    sweep.stop()
    assert not connections


def test_the_interval_follows_the_shortest_deadline() -> None:
    assert interval_for(ServerSettings()) == INTERVAL_MAX_S
    assert interval_for(ServerSettings(head_timeout_s=0.8)) == 0.1
    assert interval_for(ServerSettings(write_timeout_s=0.001)) == INTERVAL_MIN_S
