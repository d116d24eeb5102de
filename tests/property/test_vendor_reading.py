"""Whatever bytes arrive: a reading that every parser agrees with, or a refusal of the contract."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, quote_plus

from hypothesis import example, given
from hypothesis import strategies as st

from vendors.contract import MediaTypeRefused, Reading, Sent, Unreadable
from vendors.form import FORM_TYPE, encode, read_pairs
from vendors.stripe.catalogue import CATALOGUE
from vendors.stripe.reading import JSON_TYPE, read

PATH = "/v1/payment_intents"
OPERATION = CATALOGUE.find("POST", PATH)

NAMES = (
    "amount currency Amount amount[] amount[0] %61mount items[][price] [amount] items[0][price] "
    "metadata[b] expand[] a;b description _method"
)
names = st.sampled_from([*NAMES.split(" "), " amount", "metadata[A b]"])
values = st.one_of(st.sampled_from(["1", "900000", "usd", "a;amount=9", "%31", ""]), st.text())
forms = st.lists(
    st.one_of(
        st.tuples(names, values.map(quote_plus)).map("=".join),
        st.tuples(names, st.sampled_from(["1", "a;amount=9", "%zz", "caf\u00e9"])).map("=".join),
    ),
    max_size=6,
).map(lambda pieces: "&".join(pieces).encode("utf-8", "replace"))
trees = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(names, st.text(max_size=5)), inner, max_size=3),
    ),
    max_leaves=8,
)


def accepted(body: bytes, kind: str, query: str = "") -> Reading | None:
    try:
        return read(OPERATION, Sent("POST", PATH, query, kind, body))
    except (Unreadable, MediaTypeRefused):
        return None


def last_wins(raw: bytes) -> dict[str, str]:
    """A parser that trusts everybody: decode, and let the last one win."""
    return dict(parse_qsl(raw.decode("utf-8"), keep_blank_values=True, errors="strict"))


@given(st.one_of(st.binary(), forms), st.sampled_from([FORM_TYPE, JSON_TYPE, "", "text/plain"]))
@example(b"amount=1&amount=2", FORM_TYPE)
@example(b"\xef\xbb\xbf{}", JSON_TYPE)
def test_any_bytes_are_read_or_refused(body: bytes, kind: str) -> None:
    reading = accepted(body, kind)
    assert reading is None or isinstance(reading.body, bytes)


@given(forms, st.one_of(st.just(""), forms.map(lambda raw: raw.decode("utf-8"))))
def test_a_lenient_parser_finds_the_same_amount(body: bytes, query: str) -> None:
    reading = accepted(body, FORM_TYPE, query)
    if reading is None:
        return
    sent = last_wins(reading.query.encode() + b"&" + reading.body)
    for name in ("amount", "currency", "description"):
        assert reading.fields.get(name) == sent.get(name)
    assert b";" not in reading.body
    assert ";" not in reading.query


@given(forms)
def test_what_is_sent_reads_as_what_was_priced(body: bytes) -> None:
    first = accepted(body, FORM_TYPE)
    if first is not None and first.body:
        again = accepted(first.body, FORM_TYPE)
        assert again is not None
        assert again.fields == first.fields
        assert again.body == first.body


@given(st.one_of(trees, st.dictionaries(names, trees, max_size=4)))
def test_json_is_priced_as_the_form_that_is_sent(tree: object) -> None:
    first = accepted(json.dumps(tree).encode(), JSON_TYPE)
    if first is not None and first.body:
        assert first.content_type == FORM_TYPE
        again = accepted(first.body, FORM_TYPE)
        assert again is not None
        assert again.fields == first.fields


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_pairs_survive_being_written_and_read(pairs: list[tuple[str, str]]) -> None:
    try:
        raw = encode(pairs)
    except Unreadable:
        return
    assert "\0" in "".join(n + v for n, v in pairs) or read_pairs(raw) == pairs


@given(st.sampled_from(["GET", "POST", "DELETE", "PUT"]), st.text("/abv12{}._-"))
def test_every_path_has_a_row(method: str, path: str) -> None:
    assert CATALOGUE.find(method, "/" + path).method == method
