"""One owner for a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import LedgerRefused
from ledger.lock import Lock


def test_a_second_owner_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = Lock(tmp_path)
    with pytest.raises(LedgerRefused, match="in use by another process"):
        Lock(tmp_path)
    first.release()
    Lock(tmp_path).release()


def test_a_directory_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(LedgerRefused, match="No such file") as refused:
        Lock(tmp_path / "nothing")
    assert "\n" not in str(refused.value)
