"""Who is here: counted from accept until socket and handler are both done."""

from __future__ import annotations

from gateway.http.message import Request, Response
from gateway.http.service import Service
from gateway.settings import ServerSettings


class Peer:
    def __init__(self, peer: str) -> None:
        self.peer = peer

    def expire(self, now_s: float) -> None: ...

    def retire(self) -> None: ...

    def abort(self) -> None: ...


async def answer(request: Request) -> Response:
    return Response(204, [])


async def test_connections_and_sources_are_counted_and_forgotten() -> None:
    service = Service(answer, lambda refusal: Response(refusal.status, []), ServerSettings())
    assert service.emptied.is_set()
    peers = [Peer("a"), Peer("a"), Peer("b")]
    for peer in peers:
        service.admit(peer.peer)
        service.joined(peer)
    service.admit("c")
    assert service.sources == {"a": 2, "b": 1, "c": 1}
    assert not service.emptied.is_set()
    for peer in peers:
        service.left(peer)
    assert (service.admitted, dict(service.sources)) == (1, {"c": 1})
    service.release("c")
    assert service.emptied.is_set()
    assert not service.sources
