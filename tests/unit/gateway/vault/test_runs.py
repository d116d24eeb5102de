from __future__ import annotations

from gateway.vault.runs import Runs
from ledger import Note


class Written:
    """The notes as a ledger keeps them."""

    def __init__(self) -> None:
        self.kept: dict[str, Note] = {}

    def take(self, notes: list[Note]) -> None:
        for note in notes:
            self.kept[note.name] = note
            if note.blob is None:
                del self.kept[note.name]

    def again(self) -> Runs:
        return Runs(self.kept.values())


def test_nothing_is_revoked_at_first() -> None:
    runs = Runs()
    assert not runs
    assert not runs.revoked("")
    assert runs.reopen("scn/1", 1) == []


def test_a_label_is_revoked_as_a_whole() -> None:
    runs, written = Runs(), Written()
    written.take(runs.revoke_label("scn/1", 5))
    for found in (runs, written.again()):
        assert found
        assert found.revoked("scn/1")
        assert not found.revoked("scn/12")
        assert found.labels == {"scn/1": 5}


def test_a_reopened_label_is_forgotten() -> None:
    runs, written = Runs(), Written()
    written.take(runs.revoke_label("scn/1", 5))
    written.take(runs.reopen("scn/1", 6))
    assert not runs.revoked("scn/1")
    assert written.kept == {}


def test_a_label_under_a_prefix_is_opened_alone_until_it_is_revoked_again() -> None:
    runs, written = Runs(), Written()
    written.take(runs.revoke_prefix("scn/", 5))
    written.take(runs.reopen("scn/1", 6))
    for found in (runs, written.again()):
        assert not found.revoked("scn/1")
        assert found.revoked("scn/2")
    written.take(runs.revoke_prefix("scn/", 7))
    for found in (runs, written.again()):
        assert found.revoked("scn/1")
    written.take(runs.reopen("scn/1", 8))
    written.take(runs.revoke_label("scn/1", 9))
    for found in (runs, written.again()):
        assert found.revoked("scn/1")


def test_a_label_with_colons_is_kept_whole() -> None:
    runs, written = Runs(), Written()
    written.take(runs.revoke_label("label:a:b", 5))
    assert written.again().revoked("label:a:b")


def test_a_prefix_is_lifted_with_all_that_is_under_it() -> None:
    runs, written = Runs(), Written()
    written.take(runs.revoke_prefix("scn/", 5))
    written.take(runs.reopen("scn/2", 6))
    written.take(runs.revoke_prefix("scn/a", 7))
    written.take(runs.revoke_label("scn/1", 8))
    written.take(runs.revoke_prefix("other", 9))
    assert runs.wider("scn/a") == "scn/"
    assert runs.wider("scn/") is None
    written.take(runs.reopen_prefix("scn/"))
    for told in (runs, written.again()):
        labels = ("scn/1", "scn/2", "scn/ab", "other/1")
        assert [told.revoked(label) for label in labels] == [False, False, False, True]
    assert set(written.kept) == {"prefix:other"}
    assert runs.reopen_prefix("scn/") == []
