"""A body that is priced while it passes: its last byte goes when all of it was read, or never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.call.passing import PassingBody, WatchedBody
from gateway.errors import AmountUnreadable, RequestMalformed
from gateway.http.message import ClientGone
from gateway.settings import MIB
from gateway.upstream.order import NotSent
from gateway.vault.allowlist import Allowlist
from gateway.vault.secrets import Kind, mint
from gateway.vault.terms import Mode, ParamRule
from ledger import HoldState
from ledger.entries import Ended
from tests.calls import Calls, Holder, Script
from tests.telco import MAIL_MAX, TELCO, USD, MailReader
from vendors.contract import Reading

OPERATION = TELCO.operation("POST", "/mails", "")
DONE = (200, {"id": "m1"})


class Pieces:
    """A body that comes in these pieces. An exception among them is raised."""

    def __init__(self, *pieces: bytes | Exception, length: int | None = 2 * MIB) -> None:
        self.length = length
        self.left = list(pieces)

    async def read(self) -> bytes:
        piece = self.left.pop(0) if self.left else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def read_all(self, bytes_max: int) -> bytes:
        raise AssertionError("not a body to be read whole")


async def passed(body: PassingBody | WatchedBody) -> list[bytes]:
    pieces = []
    while piece := await body.read():
        pieces.append(piece)
    return pieces


@pytest.mark.parametrize(
    "pieces", [(b"a@b c@d",), (b"a@", b"b", b"x" * 9), tuple(b"%c" % c for c in b"a@b c@d")]
)
async def test_all_of_it_passes_and_the_last_byte_comes_last(pieces: tuple[bytes, ...]) -> None:
    judged: list[Reading] = []
    body = PassingBody(Pieces(*pieces), MailReader(OPERATION), judged.append)
    out: list[bytes] = []
    while piece := await body.read():
        assert bool(judged) == (b"".join([*out, piece]) == b"".join(pieces))
        out.append(piece)
    assert b"".join(out) == b"".join(pieces)
    assert await body.read() == b""
    assert len(judged) == 1


@pytest.mark.parametrize(
    ("pieces", "why"),
    [((b"a@b", b"!"), "shouts"), ((b"nobody",), "missing")],
)
async def test_what_cannot_be_read_keeps_the_last_byte(pieces: tuple[bytes, ...], why: str) -> None:
    body = PassingBody(Pieces(*pieces), MailReader(OPERATION), lambda reading: None)
    with pytest.raises(AmountUnreadable, match=why):
        await passed(body)


@pytest.mark.parametrize("escaped", [False, True])
async def test_a_vault_key_in_it_never_leaves_whole(escaped: bool) -> None:
    secret = mint(Kind.VAULT).encode()
    if escaped:
        secret = b"".join(b"\\u%04x" % byte for byte in secret)
    for at in range(1, len(secret)):
        pieces = Pieces(b"a@b " + secret[:at], secret[at:] + b" and more")
        body = PassingBody(pieces, MailReader(OPERATION), lambda reading: None)
        with pytest.raises(RequestMalformed, match="vault key"):
            await passed(body)


async def test_a_vault_key_in_a_body_that_nobody_reads_never_leaves_whole() -> None:
    secret = mint(Kind.VAULT).encode()
    for at in range(1, len(secret)):
        body = WatchedBody(Pieces(b"x" * 300, b"k=" + secret[:at], secret[at:] + b" and more"))
        assert await body.read() == b"x" * 300
        assert await body.read() == b"k=" + secret[:at]
        with pytest.raises(RequestMalformed, match="vault key"):
            await body.read()
    with pytest.raises(AssertionError):
        await body.read_all(1)


ESCAPES: list[Callable[[int], bytes]] = [
    lambda byte: b"%c" % byte,
    lambda byte: b"%%%02x" % byte,
    lambda byte: b"\\u%04x" % byte,
    lambda byte: b"%" + b"".join(b"\\u00%02x" % digit for digit in b"%02x" % byte),
]


@pytest.mark.parametrize("escape", ESCAPES, ids=["plain", "percent", "json", "both"])
@pytest.mark.parametrize("size", [1, 45, 597, 599, 10_000])
async def test_long_pieces_hide_no_vault_key_whatever_cuts_it(
    escape: Callable[[int], bytes], size: int
) -> None:
    secret = b"".join(map(escape, mint(Kind.VAULT).encode()))
    for at in range(1, len(secret), 7):
        for middle in (secret[at : at + 1], secret[at : at + 60]):
            begin, end = b"x" * size + secret[:at], secret[at + len(middle) :] + b"x" * size
            body = WatchedBody(Pieces(b"x" * size, begin, middle, end, b"x" * size))
            with pytest.raises(RequestMalformed, match="vault key"):
                await passed(body)


@pytest.mark.parametrize("at", [0, 1, 300, 9_990])
async def test_a_vault_key_in_the_midst_of_a_long_piece(at: int) -> None:
    secret = mint(Kind.VAULT).encode()
    body = WatchedBody(Pieces(b"x" * at + secret + b"x" * (9_990 - at), b"x"))
    with pytest.raises(RequestMalformed, match="vault key"):
        await body.read()


async def test_a_body_without_a_byte_is_not_judged() -> None:
    body = PassingBody(Pieces(), MailReader(OPERATION), lambda reading: None)
    assert await passed(body) == []
    with pytest.raises(AssertionError):
        await body.read_all(1)


async def mail(calls: Calls, key: Holder, *pieces: bytes | Exception, **more: Any) -> Any:
    length = more.pop("length", 2 * MIB)
    return await calls.call(key, "POST", "/mails", body=Pieces(*pieces, length=length), **more)


async def mail_key(calls: Calls, **terms: Any) -> Holder:
    return await calls.key(vendor="telco", allowed=Allowlist.parse(["POST /**"]), **terms)


async def test_it_holds_the_most_and_settles_at_what_it_was(calls: Calls) -> None:
    key = await mail_key(calls, daily_call_cap=MAIL_MAX + 1)
    held: list[int] = []

    def vendor(order: Any) -> Any:
        held.append(calls.standing(key).held_micros)
        return (*DONE, [])

    calls.upstream.vendor = vendor
    seen = await mail(calls, key, b"a@b", b" c@d")
    assert (seen.status, seen.headers["keybrake-cost-usd"]) == (200, "2.00")
    assert held == [MAIL_MAX * USD]
    standing = calls.standing(key)
    assert (standing.spent_micros, standing.held_micros, standing.units) == (2 * USD, 0, 2)


async def test_a_body_that_says_no_length_passes_too(calls: Calls) -> None:
    key = await mail_key(calls)
    calls.upstream.vendor = Script(DONE)
    assert (await mail(calls, key, b"a@b", length=None)).status == 200
    assert calls.spent(key) == USD


@pytest.mark.parametrize(
    ("terms", "rule"),
    [
        ({"per_call_micros_max": USD}, "per_call_usd_max"),
        ({"params": (ParamRule("recipients", equals="1"),)}, "params:recipients"),
    ],
)
async def test_the_keys_rules_are_judged_before_the_last_byte(
    calls: Calls, terms: dict[str, Any], rule: str
) -> None:
    key = await mail_key(calls, **terms)
    calls.upstream.vendor = Script(DONE, DONE)
    assert (await mail(calls, key, b"a@b")).status == 200
    seen = await mail(calls, key, b"a@b c@d")
    assert (seen.code, seen.json["rule"]) == ("policy_refused", rule)
    assert calls.spent(key) == USD
    assert not list(calls.ledger.open_holds())
    assert calls.row.rule == rule
    await calls.key()  # what was queued before it is on disk with it
    shards = map(calls.ledger.read_entries, calls.ledger.shards())
    entries = [entry for rows in shards for _, row in rows for entry in row]
    memos = [entry.memo for entry in entries if isinstance(entry, Ended)]
    assert f'"rule":"{rule}"'.encode() in b"".join(memos), "the audit log is rebuilt with it"


async def test_a_shadow_key_only_reports(calls: Calls) -> None:
    key = await mail_key(calls, per_call_micros_max=USD, mode=Mode.SHADOW)
    calls.upstream.vendor = Script(DONE)
    seen = await mail(calls, key, b"a@b c@d")
    assert seen.headers["keybrake-would-refuse"] == "policy_refused"


async def test_more_than_was_held_never_leaves(calls: Calls) -> None:
    key = await mail_key(calls)
    calls.upstream.vendor = Script(DONE)
    seen = await mail(calls, key, b"@" * (MAIL_MAX + 1))
    assert (seen.status, seen.code) == (422, "amount_unreadable")
    assert (calls.spent(key), list(calls.ledger.open_holds())) == (0, [])


async def test_a_full_budget_takes_no_byte(calls: Calls) -> None:
    key = await mail_key(calls, daily_cap_micros=(MAIL_MAX - 1) * USD)
    assert (await mail(calls, key, b"a@b")).code == "daily_cap_exceeded"


async def test_a_caller_who_hangs_up_in_the_middle_costs_nothing(calls: Calls) -> None:
    key = await mail_key(calls)
    calls.upstream.vendor = Script(DONE)
    with pytest.raises(ClientGone):
        await mail(calls, key, b"a@b", ClientGone())
    assert (calls.spent(key), list(calls.ledger.open_holds())) == (0, [])


async def test_a_key_that_is_revoked_meanwhile_lets_no_last_byte_go(calls: Calls) -> None:
    key = await mail_key(calls)

    class Late(Pieces):
        async def read(self) -> bytes:
            if len(self.left) == 1:
                await calls.registry.revoke([key.key], abort=False)
            return await super().read()

    calls.upstream.vendor = Script(DONE)
    seen = await calls.call(key, "POST", "/mails", body=Late(b"a@b", b"c"))
    assert (seen.code, calls.spent(key)) == ("key_revoked", 0)


async def test_a_vendor_that_cannot_be_reached_frees_the_hold(calls: Calls) -> None:
    key = await mail_key(calls)
    calls.upstream.vendor = Script(NotSent("down"))
    assert (await mail(calls, key, b"a@b")).code == "vendor_unreachable"
    assert not list(calls.ledger.open_holds(HoldState.OPEN, HoldState.IN_DOUBT))


async def test_a_retry_in_doubt_is_bound_by_what_is_known_of_it(calls: Calls) -> None:
    key = await mail_key(calls)
    calls.upstream.vendor = Script(DONE)
    await mail(calls, key, b"a@b", idempotency_key="k")
    again = await mail(calls, key, b"a@b", idempotency_key="k")
    assert again.headers["idempotent-replayed"] == "true"
    other = await mail(calls, key, b"a@b", idempotency_key="k", length=3 * MIB)
    assert other.code == "idempotency_conflict"


async def test_a_kind_of_body_that_cannot_be_read_is_refused_before_it_comes(calls: Calls) -> None:
    key = await mail_key(calls)
    seen = await mail(calls, key, b"a@b", content_type="image/png")
    assert (seen.status, seen.code) == (415, "media_type_unsupported")


async def test_what_cannot_pass_is_read_whole_or_refused(calls: Calls) -> None:
    key = await mail_key(calls)

    class TooLong(Pieces):
        async def read_all(self, bytes_max: int) -> bytes:
            raise AmountUnreadable("too long", field="body")

    body = TooLong()
    seen = await calls.call(key, "POST", "/2010/Accounts/AC00000000/Messages", body=body)
    assert seen.code == "amount_unreadable"
