"""A story: what happens to one house, step by step, made up from a number.

A step holds all that it needs, and its moment; nothing is drawn while a story is played. So the
same story plays the same way each time, and a story with steps left out is a story, in which the
others are what they were: that is what lets one be made short (`shrink.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """One of the keys of every story. issuer: which one makes it, -1 for the admin. Micros."""

    vendor: str
    issuer: int
    label: str
    daily_micros: int
    zone: str = "UTC"
    restores: bool = False
    total_micros: int | None = None
    units: int | None = None


USD: Final = 1_000_000
KEYS: Final = (
    KeyPlan("stripe", -1, "shop/1", 60 * USD, restores=True),
    KeyPlan("stripe", -1, "shop/2", 60 * USD, zone="America/New_York"),
    KeyPlan("stripe", 0, "billing/1", 60 * USD),
    KeyPlan("stripe", 0, "billing/2", 60 * USD, restores=True),
    KeyPlan("stripe", 0, "billing/1", 60 * USD),
    KeyPlan("twilio", -1, "texts/1", 120_000, total_micros=400_000),
    KeyPlan("twilio", 1, "texts/2", 120_000),
    KeyPlan("resend", 1, "mails/1", 20_000),
    KeyPlan("resend", -1, "mails/2", 20_000, zone="Asia/Kolkata", units=18),
)
ISSUERS: Final = (90 * USD, 110_000)
"""Their daily caps."""

CALLS: Final[Mapping[str, tuple[str, ...]]] = {
    "stripe": (
        *("create", "create", "buy", "buy", "authorize", "charge", "charge", "preauthorize"),
        *(
            "confirm",
            "capture",
            "cancel",
            "update",
            "increment",
            "refund",
            "refund",
            "capture charge",
        ),
        *("look", "look"),
    ),
    "twilio": ("text", "text", "text", "text", "look"),
    "resend": ("mail", "mail", "mail", "mail", "big mail", "schedule", "cancel", "look"),
}
ABOUT: Final = {
    "confirm": ("create", "buy"),
    "capture": ("authorize",),
    "cancel": ("create", "authorize", "schedule"),
    "update": ("create",),
    "increment": ("authorize",),
    "refund": ("charge",),
    "capture charge": ("preauthorize",),
}
"""A call about an object -> which calls make such objects."""

FATES: Final[Mapping[str, str]] = {
    "well": "",
    "no": "the vendor says no",
    "undelivered": "the vendor accepts it, and it fails later",
    "dear": "the vendor charges more than its table says",
    "no connection": "there is no connection",
    "reset early": "the connection breaks before the last byte was written",
    "lost before": "the request is lost behind us, and nobody hears of it",
    "lost after": "the vendor does it and its answer is lost",
    "half": "the vendor does it and half of its answer arrives",
    "late": "the answer takes long",
    "too late": "the vendor does it and answers after our patience",
    "failed": "the vendor says 500 and did nothing",
    "done, 500": "the vendor does it and says 500",
    "409": "409: somebody else is at it, and may have done it",
    "424": "424: a step before it failed, or after it",
}


@dataclass(frozen=True, slots=True)
class Step:
    """number: its name for life. at_s: when. who: which key, or shard, or issuer. size: cents,
    recipients, percent or seconds. of: the number of the step that this one is about, -1 for none.
    once: its Idempotency-Key, 0 for none. gone_s: after so long the caller hangs up, 0 for never.
    salt: what small things are drawn from."""

    number: int
    at_s: float
    kind: str
    who: int = 0
    what: str = ""
    fate: str = "well"
    size: int = 0
    of: int = -1
    once: int = 0
    gone_s: float = 0.0
    salt: int = 0

    @property
    def vendor(self) -> str:
        """Of the key that it is about."""
        return KEYS[self.who].vendor


@dataclass(frozen=True)
class Mix:
    """What a story is made of. kinds: how often each kind of step. fates: how often each fate of a
    call, in 100. hang_up, slow: callers in 100 that do so."""

    about: str
    kinds: Mapping[str, int]
    fates: Mapping[str, int] = field(default_factory=dict)
    hang_up: int = 0
    once: int = 25


_PEACE: Final = {"call": 100, "again": 6, "look": 3, "wait": 3, "edit": 2, "issuer edit": 1}
_DISK: Final = {"disk full": 3, "disk slow": 3, "disk stalls": 1, "disk breaks": 1}
_VENDOR: Final = {"outage": 2, "listing lags": 1}
_CLOCK: Final = {"wall step": 3, "midnight": 4, "sleep": 4, "short key": 2}
_ENDS: Final = {"revoke": 2, "revoke run": 1, "bar": 1, "resume": 6, "issue": 8, "top up": 2}
_CRASH: Final = {"crash": 5, "stop": 1}
_ROUGH: Final = {
    "no": 5,
    "undelivered": 2,
    "dear": 2,
    "no connection": 4,
    "reset early": 2,
    "lost before": 4,
    "lost after": 5,
    "half": 3,
    "late": 5,
    "too late": 2,
    "failed": 3,
    "done, 500": 4,
    "409": 2,
    "424": 1,
}
MIXES: Final[Mapping[str, Mix]] = {
    "calm": Mix("nothing goes wrong but cards", _PEACE, {"no": 5, "undelivered": 2}),
    "storms": Mix(
        "the same call again and again, callers that hang up",
        {**_PEACE, "again": 40, "storm": 12, "revoke": 1, "issue": 6},
        {"no": 4, "late": 8, "lost after": 3, "no connection": 3},
        hang_up=15,
        once=70,
    ),
    "disk": Mix("a disk that is full, slow, broken", {**_PEACE, **_DISK, "storm": 2}, {"no": 4}),
    "vendor": Mix("a vendor that fails in every way", {**_PEACE, **_VENDOR}, _ROUGH, once=40),
    "clock": Mix("midnights, clock steps, sleep, keys that end", {**_PEACE, **_CLOCK}, {"late": 8}),
    "crashes": Mix(
        "the process dies at any step", {**_PEACE, **_CRASH, "again": 15}, {"late": 8}, once=50
    ),
    "everything": Mix(
        "all of it",
        {**_PEACE, **_DISK, **_VENDOR, **_CLOCK, **_ENDS, **_CRASH, "again": 15, "storm": 3},
        _ROUGH,
        hang_up=6,
        once=40,
    ),
}


@dataclass(frozen=True)
class Story:
    """small_books: checkpoints are written in parts from a few things on."""

    seed: int
    mix: str
    steps: tuple[Step, ...]

    @property
    def small_books(self) -> bool:
        return self.seed % 2 == 1


def make_story(seed: int, count: int, mix: str) -> Story:
    """The story of this number. count: of its steps; what follows from them is more."""
    maker = _Maker(Random(f"{mix} {seed}"), MIXES[mix])
    return Story(seed, mix, tuple(maker.step(number) for number in range(1, count + 1)))


class _Maker:
    def __init__(self, random: Random, mix: Mix) -> None:
        self._random = random
        self._mix = mix
        self._at_s = 0.1
        self._calls: list[Step] = []
        self._kinds = list(mix.kinds)
        self._weights = list(mix.kinds.values())

    def step(self, number: int) -> Step:
        random = self._random
        self._at_s += self._gap_s()
        [kind] = random.choices(self._kinds, self._weights)
        salt = random.getrandbits(32)
        step = Step(number, round(self._at_s, 6), kind, salt=salt)
        made = _MAKE.get(kind, _Maker._plain)(self, step)
        if made.kind == "call":
            self._calls.append(made)
        return made

    def _gap_s(self) -> float:
        """Many things at once, most close together, now and then a pause."""
        chance = self._random.random()
        if chance < 0.35:
            return 0.0
        if chance < 0.96:
            return self._random.expovariate(12)
        return self._random.uniform(1, 6)

    def _call(self, step: Step) -> Step:
        random = self._random
        who = random.randrange(len(KEYS))
        what = random.choice(CALLS[KEYS[who].vendor])
        of = self._about(what, who)
        if what in ABOUT and of < 0:
            what = {"stripe": "buy", "resend": "mail"}[KEYS[who].vendor]
        size = random.randint(1, 2_500) if KEYS[who].vendor == "stripe" else random.randint(1, 4)
        once = random.randint(1, 12) if random.randrange(100) < self._mix.once else 0
        made = _with(step, who=who, what=what, of=of, size=size, once=once)
        return _with(made, fate=self._fate(), gone_s=self._gone_s())

    def _gone_s(self) -> float:
        if self._random.randrange(100) >= self._mix.hang_up:
            return 0.0
        return round(self._random.choice((0.0005, 0.01, 0.2, 2.0)) * self._random.random(), 6)

    def _about(self, what: str, who: int) -> int:
        """One of the latest calls that made such an object; mostly the same key's."""
        kinds = ABOUT.get(what, ())
        vendor = KEYS[who].vendor
        fit = [c for c in self._calls[-60:] if c.what in kinds and c.vendor == vendor][-8:]
        own = [c for c in fit if c.who == who]
        if own and self._random.random() < 0.7:
            fit = own
        return self._random.choice(fit).number if fit else -1

    def _fate(self) -> str:
        chance = self._random.randrange(100)
        for fate, percent in self._mix.fates.items():
            chance -= percent
            if chance < 0:
                return fate
        return "well"

    def _again(self, step: Step) -> Step:
        """The same request as before; by the same key, or one that shares its namespace."""
        if not self._calls:
            return self._plain(step)
        of = self._random.choice(self._calls[-12:])
        made = _with(step, of=of.number, size=1, fate=self._fate(), who=of.who)
        return _with(made, gone_s=self._gone_s())

    def _storm(self, step: Step) -> Step:
        made = self._again(step)
        return _with(made, size=self._random.randint(2, 7))

    def _plain(self, step: Step) -> Step:
        random = self._random
        low, high = _SIZES.get(step.kind, (0, 0))
        who = random.randrange(len(_WHO.get(step.kind, KEYS)))
        what = random.choice(_WHATS.get(step.kind, ("",)))
        return _with(step, who=who, size=random.randint(low, high), what=what)


def _with(step: Step, **changes: object) -> Step:
    return replace(step, **changes)  # type: ignore[arg-type]


_MAKE: Final = {
    "call": _Maker._call,
    "again": _Maker._again,
    "storm": _Maker._storm,
}
_SIZES: Final = {
    "edit": (20, 180),
    "issuer edit": (30, 150),
    "top up": (5, 60),
    "wait": (1, 90),
    "sleep": (60, 40_000),
    "look": (0, 0),
    "crash": (1, 6),
    "stop": (1, 6),
    "disk full": (1, 6),
    "disk slow": (1, 8),
    "disk stalls": (3, 14),
    "outage": (1, 12),
    "listing lags": (30, 600),
    "wall step": (-7_200, 7_200),
    "midnight": (0, 3),
    "short key": (1, 20),
}
"""Percent of a cap, seconds, or fractions of a second."""
_WHO: Final = {
    "issuer edit": ISSUERS,
    "disk full": (0, 1),
    "disk slow": (0, 1),
    "disk stalls": (0, 1),
    "disk breaks": (0, 1),
    "outage": ("stripe", "twilio", "resend"),
    "listing lags": ("stripe", "twilio", "resend"),
    "bar": ("stripe", "twilio", "resend"),
    "resume": ("stripe", "twilio", "resend"),
}
_WHATS: Final = {
    "disk breaks": ("before", "after"),
    "crash": ("written", "lost"),
    "revoke": ("finish", "abort"),
    "revoke run": ("finish", "abort"),
    "bar": ("finish", "abort"),
}
VENDORS: Final = ("stripe", "twilio", "resend")


def words(step: Step) -> str:
    """A step for people."""
    if step.kind == "call":
        told = f"key {step.who} ({step.vendor}): {step.what} {_amount(step)}"
        about = f" of step {step.of}" if step.of >= 0 else ""
        once = f", Idempotency-Key {step.once}" if step.once else ""
        fate = f"; {FATES[step.fate]}" if FATES[step.fate] else ""
        gone = f"; hangs up after {step.gone_s} s" if step.gone_s else ""
        return f"{told}{about}{once}{fate}{gone}"
    if step.kind in ("again", "storm"):
        fate = f"; {FATES[step.fate]}" if FATES[step.fate] else ""
        return f"the request of step {step.of} comes again, {step.size} times{fate}"
    plain = _WORDS.get(step.kind, step.kind)
    return plain.format(who=step.who, size=step.size, what=step.what, vendor=VENDORS[step.who % 3])


def _amount(step: Step) -> str:
    if step.vendor == "stripe":
        return f"{step.size / 100:.2f} USD"
    return f"to {step.size}" if step.vendor == "resend" else ""


_WORDS: Final = {
    "look": "the reconciler looks at all that is due",
    "wait": "nothing happens for a while",
    "edit": "the daily cap of key {who} becomes {size} % of what it was",
    "issuer edit": "the daily cap of issuer {who} becomes {size} % of what it was",
    "top up": "key {who} gets {size} % of its cap on top, for today",
    "sleep": "the machine sleeps for {size} s",
    "midnight": "the machine sleeps until just before midnight",
    "crash": "the process is killed; what is on its way to the disk is {what}",
    "stop": "the process is told to stop, and starts again",
    "disk full": "the disk of shard {who} is full for {size} s",
    "disk slow": "the disk of shard {who} is slow for {size} s",
    "disk stalls": "a commit of shard {who} takes {size} s",
    "disk breaks": "the next sync of shard {who} fails, {what} the row is there",
    "outage": "{vendor} cannot be reached for {size} s",
    "listing lags": "what {vendor} lists is {size} s old from here on",
    "wall step": "the wall clock is stepped by {size} s",
    "short key": "key {who} is made anew and lives for {size} s",
    "issue": "key {who} is made anew",
    "revoke": "key {who} is revoked ({what})",
    "revoke run": "the run of key {who} is revoked ({what})",
    "bar": "{vendor} is barred ({what})",
    "resume": "{vendor} may go on",
}
