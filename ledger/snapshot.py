"""The books of a shard written whole, for a checkpoint, and read back.

Everything stands in a fixed order, so that equal books give equal bytes: that is how `verify`
compares what a checkpoint says with what a replay gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ledger.account import Account, Sums, TopUp
from ledger.codec import bytes_of, terms_to_row, text_of
from ledger.entries import BudgetTerms, Held, HoldState, Restored, RetryKey
from ledger.hold import Hold
from ledger.memory import Settled
from ledger.shelf import Shelf
from ledger.state import State


def dump(state: State) -> dict[str, Any]:
    """Values that JSON can carry."""
    return {
        "last": (state.last_account, state.last_hold),
        "accounts": [_account(state.accounts[key]) for key in sorted(state.accounts)],
        "holds": [hold_row(state.holds[key]) for key in sorted(state.holds)],
        "notes": list(_notes(state)),
        "retries": [
            (key.hex(), kept.hold_id, kept.digest.hex(), kept.at_us, kept.account_id)
            for key, kept in sorted(state.remembered.items())
        ],
        "refunds": [tuple(refund) for _, refund in sorted(state.refunds.items())],
    }


def load(shard: int, at_us: int, books: dict[str, Any]) -> State:
    """The other way. Raises KeyError, ValueError or TypeError for what `dump` never wrote."""
    state = State(shard)
    state.at_us = at_us
    state.last_account, state.last_hold = books["last"]
    for row in books["accounts"]:
        account = _to_account(state, row)
        state.accounts[account.account_id] = account
    for row in books["holds"]:
        state.keep(hold_of(row))
    for kind, name, text in books["notes"]:
        state.notes.setdefault(kind, Shelf()).put(name, bytes_of(text))
    for key, hold_id, digest, made_at_us, account_id in books["retries"]:
        kept = Settled(hold_id, bytes.fromhex(digest), made_at_us, account_id)
        state.remembered.put(bytes.fromhex(key), kept)
    for row in books["refunds"]:
        refund = Restored(*row)
        state.refunds.put(refund.refund_id, refund)
    return state


def _account(account: Account) -> tuple[Any, ...]:
    head = (account.account_id, account.parent_id, terms_to_row(account.terms))
    return (*head, *filled(account))


def filled(account: Account) -> tuple[Any, ...]:
    """What `fill` puts back."""
    days = [
        (day, *account.days[day].as_tuple())
        for day in sorted(account.days)
        if any(account.days[day].as_tuple())
    ]
    return account.total.as_tuple(), days, tuple(tuple(top_up) for top_up in account.top_ups)


def _to_account(state: State, row: list[Any]) -> Account:
    account_id, parent_id, terms_row, total, days, top_ups = row
    terms = state.terms(BudgetTerms(*terms_row))
    account = Account(account_id, parent_id, terms, state.calendar(terms.zone))
    if any(total) or days or top_ups:
        fill(account, total, days, top_ups)
    return account


def fill(account: Account, total: list[int], days: list[list[int]], top_ups: list[Any]) -> None:
    """What is on an account that was used."""
    account.total = Sums(*total)
    if days:
        account.days = {day: Sums(*sums) for day, *sums in days}
    account.top_ups = tuple(TopUp(*top_up) for top_up in top_ups)


def hold_row(hold: Hold) -> tuple[Any, ...]:
    retry = hold.retry
    return (
        hold.hold_id,
        hold.account_id,
        hold.parent_id,
        hold.day,
        hold.parent_day,
        hold.at_us,
        hold.amount_micros,
        hold.units,
        hold.restorable,
        hold.memo_ref,
        hold.tag,
        hold.remark,
        None if retry is None else (retry.key.hex(), retry.digest.hex()),
        hold.state.value,
        hold.settled_micros,
        hold.standing_micros,
        hold.restored_micros,
        hold.shed,
    )


def hold_of(row: list[Any]) -> Hold:
    key = None if row[12] is None else RetryKey(*map(bytes.fromhex, row[12]))
    hold = Hold(Held._make((*row[:12], b"", key)))
    hold.state = HoldState(row[13])
    hold.settled_micros, hold.standing_micros, hold.restored_micros, hold.shed = row[14:]
    return hold


def _notes(state: State) -> Iterator[tuple[str, str, str]]:
    for kind in sorted(state.notes):
        for name, blob in sorted(state.notes[kind].items()):
            yield kind, name, text_of(blob)
