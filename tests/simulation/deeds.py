"""What the steps of a story do: the admin's side, the machine, the disks, the vendors' days."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Refusal
from gateway.vault.allowlist import Allowlist
from gateway.vault.bars import Bar
from gateway.vault.issuers import IssuerTerms, Template
from gateway.vault.terms import Terms
from ledger import CannotRecord, HoldState
from tests.simulation.callers import Holder
from tests.simulation.story import ISSUERS, KEYS, VENDORS, Step
from tests.simulation.truth import Untrue

if TYPE_CHECKING:
    from tests.simulation.life import Life
    from tests.simulation.world import World

EVERYTHING: Final = Allowlist.parse(("POST /**", "GET /**"))
DAY_S: Final = 86_400
_ZONES_S: Final = (0, 4 * 3_600, -5 * 3_600 - 1_800)
"""When the days of the keys' zones begin, after midnight in UTC."""


async def furnish(world: World) -> None:
    """The issuers and the keys of every story."""
    registry, clock = world.life.registry, world.life.clock
    for number, cap in enumerate(ISSUERS):
        vendors = frozenset({"stripe"} if number == 0 else {"twilio", "resend"})
        template = Template(vendors, EVERYTHING, 500_000_000, 365 * DAY_S)
        terms = IssuerTerms(f"iss_{number}", template, cap, clock.now_us())
        issuer, _ = await registry.found_issuer(terms)
        world.issuers.append(issuer.terms.issuer_id)
    for who in range(len(KEYS)):
        world.holders.append(await issue(world, who, None))


async def issue(world: World, who: int, lives_s: float | None) -> Holder:
    """Raises refusals of ours, and CannotRecord."""
    registry, now_us = world.life.registry, world.life.clock.now_us()
    plan = KEYS[who]
    issuer = None if plan.issuer < 0 else registry.issuer(world.issuers[plan.issuer])
    issuer_id = None if issuer is None else issuer.terms.issuer_id
    world.minted += 1
    key_id = f"vk_{world.minted:026d}"
    expires_us = None if lives_s is None else now_us + round(lives_s * 1_000_000)
    terms = Terms(
        key_id=key_id,
        vendor=plan.vendor,
        account="default",
        allowed=EVERYTHING,
        daily_cap_micros=plan.daily_micros,
        total_cap_micros=plan.total_micros,
        daily_call_cap=plan.units,
        created_at_us=now_us,
        expires_at_us=expires_us,
        label=plan.label,
        issuer_id=issuer_id,
        timezone=plan.zone,
        refunds_restore_cap=plan.restores,
    )
    key, secret = await registry.issue(terms, issuer)
    space = f"issuer {plan.issuer} {plan.vendor}" if issuer is not None else key_id
    return Holder(who, key_id, secret, key.account_id, space, plan.label, expires_us)


# -- calls -----------------------------------------------------------------------------------------


def _call(world: World, step: Step) -> None:
    world.call(step, world.holders[step.who])


def _again(world: World, step: Step) -> None:
    first = world.asked.get(step.of)
    if first is not None:
        for _ in range(step.size):
            world.call(step, world.holders[first.holder.who], first)


# -- the admin's side ------------------------------------------------------------------------------


def _admin(deed: Callable[[World, Step], Any]) -> Callable[[World, Step], None]:
    """A request of the admin's: a task of its own, that may be refused."""

    async def ask(world: World, step: Step) -> None:
        try:
            await deed(world, step)
        except (CannotRecord, Refusal) as exc:
            world.tell(f"step {step.number} is refused: {exc!r}")

    def begin(world: World, step: Step) -> None:
        if world.open_for_calls:
            world.life.loop.create_task(ask(world, step))

    return begin


async def _edit(world: World, step: Step) -> None:
    registry = world.life.registry
    key = registry.key(world.holders[step.who].key_id)
    assert key is not None
    async with registry.amending:
        cap = KEYS[step.who].daily_micros * step.size // 100
        await registry.amend(key, replace(key.terms, daily_cap_micros=cap))


async def _edit_issuer(world: World, step: Step) -> None:
    registry = world.life.registry
    issuer = registry.issuer(world.issuers[step.who])
    assert issuer is not None
    cap = ISSUERS[step.who] * step.size // 100
    await registry.amend_issuer(issuer, replace(issuer.terms, daily_cap_micros=cap))


async def _top_up(world: World, step: Step) -> None:
    life, account_id = world.life, world.holders[step.who].account_id
    now_us = life.clock.now_us()
    day = life.ledger.standing(account_id, now_us).day
    until_us = now_us + 20_000_000 if step.salt % 2 else None
    amount = KEYS[step.who].daily_micros * step.size // 100
    await life.ledger.top_up(account_id, amount, day=day, until_us=until_us)


async def _revoke(world: World, step: Step) -> None:
    holder = world.holders[step.who]
    key = world.life.registry.key(holder.key_id)
    assert key is not None
    await world.life.registry.revoke([key], abort=step.what == "abort")
    holder.revoked = f"by step {step.number}"


async def _revoke_run(world: World, step: Step) -> None:
    label = world.holders[step.who].label
    told = [holder for holder in world.holders if holder.label == label]
    await world.life.registry.revoke_run(label=label, abort=step.what == "abort")
    _mark(told, step)


async def _bar(world: World, step: Step) -> None:
    vendor = VENDORS[step.who]
    told = [holder for holder in world.holders if KEYS[holder.who].vendor == vendor]
    await world.life.registry.bar(Bar(vendor), abort=step.what == "abort")
    _mark(told, step)


def _mark(holders: list[Holder], step: Step) -> None:
    for holder in holders:
        holder.revoked = f"by step {step.number}"


async def _resume(world: World, step: Step) -> None:
    """And every key that was revoked meanwhile is made anew."""
    vendor = VENDORS[step.who]
    await world.life.registry.resume(Bar(vendor))
    for who, holder in enumerate(world.holders):
        if KEYS[who].vendor == vendor and holder.revoked:
            await _make_anew(world, who, None)


async def _issue(world: World, step: Step) -> None:
    await _make_anew(world, step.who, None)


async def _issue_short(world: World, step: Step) -> None:
    await _make_anew(world, step.who, step.size)


async def _make_anew(world: World, who: int, lives_s: float | None) -> None:
    await world.life.registry.reopen_run(KEYS[who].label)
    world.holders[who] = await issue(world, who, lives_s)


# -- the machine -----------------------------------------------------------------------------------


def _look(world: World, step: Step) -> None:
    if world.open_for_calls:
        world.life.loop.create_task(world.life.look())


def _sleep(world: World, step: Step) -> None:
    world.timeline.sleep(step.size)


def _midnight(world: World, step: Step) -> None:
    now_s = world.timeline.true_us / 1_000_000
    ends_s = -(now_s - _ZONES_S[step.salt % 3]) % DAY_S
    world.timeline.sleep(max(0.0, ends_s - step.size / 3))


def _wall_step(world: World, step: Step) -> None:
    world.timeline.wall_step_s += step.size


def _crash(world: World, step: Step) -> None:
    if world._living:
        world.crash(written=step.what == "written", after_s=step.size / 4)


def _stop(world: World, step: Step) -> None:
    if world.open_for_calls:
        world.life.loop.create_task(_stopped(world, world.life))


async def _stopped(world: World, life: Life) -> None:
    await life.stop()
    if world.lives(life.loop):
        world.ended_well()


def _disk_full(world: World, step: Step) -> None:
    world.disks[step.who].full_until_s = world.timeline.now_s + step.size


def _disk_slow(world: World, step: Step) -> None:
    disk = world.disks[step.who]
    disk.slow_until_s = world.timeline.now_s + step.size
    disk.slow_s = 0.05 * (1 + step.salt % 10)


def _disk_stalls(world: World, step: Step) -> None:
    disk = world.disks[step.who]
    disk.slow_until_s = world.timeline.now_s + 0.05
    disk.slow_s = float(step.size)


def _disk_breaks(world: World, step: Step) -> None:
    world.disks[step.who].breaks = step.what


def _outage(world: World, step: Step) -> None:
    world.out_until_s[VENDORS[step.who]] = world.timeline.now_s + step.size


def _listing_lags(world: World, step: Step) -> None:
    world.vendors.named(VENDORS[step.who]).lag_us = step.size * 1_000_000


DEEDS: Final[Mapping[str, Callable[[Any, Step], None]]] = {
    "call": _call,
    "again": _again,
    "storm": _again,
    "edit": _admin(_edit),
    "issuer edit": _admin(_edit_issuer),
    "top up": _admin(_top_up),
    "revoke": _admin(_revoke),
    "revoke run": _admin(_revoke_run),
    "bar": _admin(_bar),
    "resume": _admin(_resume),
    "issue": _admin(_issue),
    "short key": _admin(_issue_short),
    "look": _look,
    "wait": _sleep,
    "sleep": _sleep,
    "midnight": _midnight,
    "wall step": _wall_step,
    "crash": _crash,
    "stop": _stop,
    "disk full": _disk_full,
    "disk slow": _disk_slow,
    "disk stalls": _disk_stalls,
    "disk breaks": _disk_breaks,
    "outage": _outage,
    "listing lags": _listing_lags,
}


# -- the end ---------------------------------------------------------------------------------------


def check_the_end(world: World) -> None:
    """All has ended and was looked at. Raises Untrue."""
    live = {"requires_confirmation", "requires_payment_method", "requires_capture", "pending"}
    objects = world.vendors.stripe.real.things
    for hold in world.life.ledger.open_holds():
        name = hold.tag.rpartition("/")[2]
        if hold.state is not HoldState.STANDING or objects.get(name, {}).get("status") not in live:
            raise Untrue("nothing stays open once all was looked at", f"{hold!r} {hold.tag}")
    heaps = world.books.heaps
    for root in {heaps.of(lineage) for lineage in world.books.by_lineage}:
        things = heaps.things.get(root, ())
        stake = sum(thing.stake_micros for thing in things)
        if not world.books.aged(heaps.members(root)):
            stake += sum(max(0, thing.dear_micros - thing.stake_micros) for thing in things)
        weight = world.books.weight_of(heaps.members(root))
        names = [thing.vendor_id for thing in things]
        if weight < stake:
            told = f"{weight} for {stake} of {names}"
            raise Untrue("the books never say less than was charged", told)
        told_again = sum(
            hold.own
            for lineage in heaps.members(root)
            for hold in world.books.by_lineage.get(lineage, ())
            if world.callers[hold.held.call_id].replayed
        )
        if world.story.mix == "calm" and weight - told_again > stake:
            told = f"{weight} for {stake} of {names}"
            for lineage in sorted(heaps.members(root)):
                for mine in world.books.by_lineage.get(lineage, ()):
                    world.tell(f"{lineage}: {mine}")
            raise Untrue("where nothing went wrong the books are exact", told)
    world.compare()


def picture(life: Life) -> Any:
    """All books, to be compared."""
    return [
        (
            shard.number,
            {i: account.total.as_tuple() for i, account in shard.state.accounts.items()},
            {
                i: (hold.state, hold.settled_micros, hold.standing_micros, hold.tag, hold.shed)
                for i, hold in shard.state.holds.items()
            },
            {kind: dict(shelf.items()) for kind, shelf in shard.state.notes.items() if len(shelf)},
        )
        for shard in life.ledger._by_number.values()
    ]
