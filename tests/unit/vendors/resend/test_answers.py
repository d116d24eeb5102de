"""Resend's answers; test_vectors has the many small cases."""

from __future__ import annotations

import pytest

from vendors.contract import Answer
from vendors.resend.answers import ID, UUID, Unclear, read_error, read_id, read_object, read_page


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, {}, body)


@pytest.mark.parametrize("body", [b"", b"[]", b"NaN", b"\xff", b"[" * 100_000])
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(Unclear):
        read_object(answer(body))


def test_an_id_can_stand_in_a_path() -> None:
    assert read_id({"id": "c-1_A"}) == "c-1_A"
    for odd in ("", "a/b", "a?b", "a b", "x" * 101, None, 5):
        with pytest.raises(Unclear):
            read_id({"id": odd})
    assert UUID.fullmatch("49a3999c-0ce1-4ea6-ab68-afcd6dc2e794")
    assert ID.fullmatch("49a3999c-0ce1-4ea6-ab68-afcd6dc2e794")


def test_a_page_knows_where_the_next_one_begins() -> None:
    page = read_page(answer(b'{"data": [{"id": "a"}, {"id": "b"}], "has_more": true}'))
    assert ([item["id"] for item in page.items], page.more, page.last) == (["a", "b"], True, "b")
    empty = read_page(answer(b'{"data": [], "has_more": false}'))
    assert (empty.items, empty.more, empty.last) == ((), False, "")


def test_an_error_has_a_name_and_its_own_status() -> None:
    good = b'{"statusCode": 422, "name": "validation_error"}'
    assert read_error(answer(good, 422)) == "validation_error"
    for body, status in ((good, 400), (b'{"statusCode": 422}', 422), (b'{"name": "x"}', 422)):
        with pytest.raises(Unclear):
            read_error(answer(body, status))
