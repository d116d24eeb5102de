"""The chain notices every change but a cut-off end."""

from __future__ import annotations

import pytest

from ledger.chain import BrokenChain, Chain, Row

KEY = b"k" * 32


def rows(chain: Chain, count: int = 5) -> list[Row]:
    made = []
    for number in range(count):
        body = b"body %d" % number
        mac = chain.next_mac(body)
        chain.go_on(mac)
        made.append(Row(chain.seq, 1, body, mac))
    return made


def follow(chain: Chain, given: list[Row]) -> int:
    for row in given:
        chain.follow(row)
    return chain.seq


def begin(shard: int = 0, uuid: str = "u", key: bytes = KEY) -> Chain:
    return Chain.genesis(key, shard, uuid)


def test_what_was_written_holds() -> None:
    writer, reader = begin(), begin()
    assert follow(reader, rows(writer)) == 5
    assert reader.mac == writer.mac


@pytest.mark.parametrize("reader", [begin(shard=1), begin(uuid="v"), begin(key=b"x" * 32)])
def test_rows_fit_no_other_shard_ledger_or_key(reader: Chain) -> None:
    with pytest.raises(BrokenChain, match="row 1 was altered"):
        follow(reader, rows(begin()))


def test_a_changed_body_a_changed_mac_and_a_swap_are_noticed() -> None:
    good = rows(begin())
    swapped = [good[1]._replace(seq=1), good[0]._replace(seq=2), *good[2:]]
    for bad in (
        [good[0]._replace(body=b"other"), *good[1:]],
        [good[0]._replace(mac=good[1].mac), *good[1:]],
        swapped,
    ):
        with pytest.raises(BrokenChain, match="row 1 was altered"):
            follow(begin(), bad)


def test_a_missing_row_is_named() -> None:
    good = rows(begin())
    with pytest.raises(BrokenChain, match=r"row 3 is missing \(row 4 comes next\)"):
        follow(begin(), [*good[:2], *good[3:]])


@pytest.mark.parametrize("damage", [{"body": "body 0"}, {"mac": None}, {"entries": "1"}])
def test_a_row_of_other_types_was_altered(damage: dict[str, object]) -> None:
    """As a damaged file gives them, whatever its schema says."""
    with pytest.raises(BrokenChain, match="row 1 was altered"):
        follow(begin(), [rows(begin())[0]._replace(**damage)])  # type: ignore[arg-type]
