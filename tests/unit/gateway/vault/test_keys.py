from __future__ import annotations

from gateway.vault.allowlist import Allowlist
from gateway.vault.keys import MINUTE_US, Key, budget_of
from gateway.vault.terms import Mode, Terms
from ledger import BudgetTerms

NOW_US = 1_790_000_000_000_000


def key(rate: int | None) -> Key:
    return Key(terms(rate), b"")


def terms(rate: int | None = None, mode: Mode = Mode.ENFORCE) -> Terms:
    return Terms(
        key_id="vk_1",
        vendor="stripe",
        account="default",
        allowed=Allowlist.parse([]),
        daily_cap_micros=5,
        created_at_us=NOW_US,
        expires_at_us=None,
        total_cap_micros=9,
        daily_call_cap=2,
        timezone="Asia/Tokyo",
        rate_per_minute=rate,
        mode=mode,
    )


def test_a_key_without_a_rate_is_never_slowed() -> None:
    free = key(None)
    assert all(free.admit_rate(NOW_US) is None for _ in range(1000))


def test_so_many_calls_in_any_minute_and_no_more() -> None:
    slow = key(2)
    assert slow.admit_rate(NOW_US) is None
    assert slow.admit_rate(NOW_US + 30_000_000) is None
    assert slow.admit_rate(NOW_US + 30_000_001) == 30
    assert slow.admit_rate(NOW_US + MINUTE_US - 1) == 1
    assert slow.admit_rate(NOW_US + MINUTE_US) is None
    assert slow.admit_rate(NOW_US + MINUTE_US) == 30


def test_a_refused_call_uses_nothing_up() -> None:
    slow = key(1)
    slow.admit_rate(NOW_US)
    assert [slow.admit_rate(NOW_US + s * 1_000_000) for s in (1, 2, 59)] == [59, 58, 1]
    assert slow.admit_rate(NOW_US + MINUTE_US) is None


def test_a_lowered_rate_waits_for_enough_calls_to_age() -> None:
    slow = key(3)
    for second in range(3):
        slow.admit_rate(NOW_US + second * 1_000_000)
    slow.terms = terms(1)
    assert slow.admit_rate(NOW_US + 3_000_000) == 59
    assert slow.admit_rate(NOW_US + MINUTE_US + 1_000_000) == 1
    assert slow.admit_rate(NOW_US + MINUTE_US + 2_000_000) is None


def test_the_budget_has_the_terms_caps() -> None:
    assert budget_of(terms()) == BudgetTerms("Asia/Tokyo", 5, 9, 2, True)
    assert not budget_of(terms(mode=Mode.SHADOW)).enforce
