from __future__ import annotations

from dataclasses import fields, replace

import orjson
import pytest

from gateway.vault import records
from gateway.vault.allowlist import Allowlist
from gateway.vault.issuers import Issuer, IssuerTerms, Template
from gateway.vault.keys import Key
from gateway.vault.secrets import mark
from gateway.vault.terms import ErrorStyle, Mode, ParamRule, Terms
from ledger import Note

TERMS = Terms(
    key_id="vk_1",
    vendor="stripe",
    account="acme",
    allowed=Allowlist.parse(["POST /v1/payment_intents"]),
    daily_cap_micros=1,
    created_at_us=2,
    expires_at_us=3,
    label="scn/ü",
    name="n",
    issuer_id="iss_1",
    total_cap_micros=4,
    per_call_micros_max=5,
    daily_call_cap=6,
    rate_per_minute=7,
    concurrency_max=8,
    currencies=frozenset({"usd", "eur"}),
    countries=frozenset({"DE"}),
    params=(ParamRule("a", "b", ("c",), "d", 9),),
    timezone="Asia/Tokyo",
    mode=Mode.SHADOW,
    vendor_accounts=frozenset({"acct_1"}),
    mint_endpoints=Allowlist.parse(["POST /v1/ephemeral_keys"]),
    allow_unpriced=((Allowlist.parse(["POST /v1/topups"]), 10),),
    refunds_restore_cap=True,
    call_time_limit_s=11,
    idempotency_scope="s",
    count_test_mode=False,
    sandbox=True,
    error_style=ErrorStyle.VENDOR,
    block_status=402,
)


def test_this_example_leaves_no_field_at_its_default() -> None:
    assert all(getattr(TERMS, field.name) != field.default for field in fields(Terms))


def test_a_key_is_the_same_after_a_round_trip() -> None:
    key = records.read_key(records.key_note(Key(TERMS, b"\x01" * 32, 77)))
    assert (key.terms, key.digest, key.account_id) == (TERMS, b"\x01" * 32, 77)


def test_terms_that_are_about_to_be_can_be_written_first() -> None:
    key = Key(TERMS, b"")
    other = records.read_key(records.key_note(key, records.read_key(records.key_note(key)).terms))
    assert other.terms == TERMS


def test_an_issuer_is_the_same_after_a_round_trip() -> None:
    template = Template(frozenset({"a"}), Allowlist.parse(["GET /x"]), 1, 2, "b", 3, 4, 5)
    terms = IssuerTerms("iss_1", template, 5, 6, "n", 7, "Asia/Tokyo")
    issuer = records.read_issuer(records.issuer_note(Issuer(terms, b"\x02" * 32, 78)))
    assert (issuer.terms, issuer.digest, issuer.account_id) == (terms, b"\x02" * 32, 78)


def test_what_stands_at_its_default_is_left_out_and_comes_back() -> None:
    terms = Terms("vk_1", "stripe", "acme", TERMS.allowed, 1, 2, None)
    note = records.key_note(Key(terms, b"\x01" * 32, 77))
    assert b"timezone" not in (note.blob or b"")
    assert records.read_key(note).terms == terms


def test_a_record_of_the_first_version_is_read() -> None:
    blob = (
        b'{"v":1,"account_id":77,"digest":"0101","terms":{"key_id":"vk_1","vendor":"stripe",'
        b'"account":"acme","allowed":["POST /v1/payment_intents"],"daily_cap_micros":1,'
        b'"created_at_us":2,"expires_at_us":null,"issuer_id":null,"mode":"shadow"}}'
    )
    note = Note("key", "vk_1", blob)
    key = records.read_key(note)
    assert (key.terms.key_id, key.terms.mode, key.account_id) == ("vk_1", Mode.SHADOW, 77)
    assert records.read_head(note) == (0x0101, 77, False)


def test_the_head_of_a_record_is_what_the_whole_says() -> None:
    note = records.key_note(Key(TERMS, b"\x01" * 32, 77))
    assert records.read_head(note) == (mark(b"\x01" * 32), 77, True)
    note = records.key_note(Key(replace(TERMS, issuer_id=None), b"\x02" * 32, 78))
    assert records.read_head(note) == (mark(b"\x02" * 32), 78, False)


@pytest.mark.parametrize("label", ["", "s", "scn/ü", 'a"b\\c'])
def test_a_record_is_found_by_what_stands_in_it(label: str) -> None:
    blob = records.key_note(Key(replace(TERMS, label=label + "x"), b"", 77)).blob or b""
    assert records.of_label(label) in blob
    assert records.of_label(label + "x") in blob
    assert records.of_label("other") not in blob
    assert records.of_vendor("stripe") in blob
    assert records.of_vendor(None) in blob
    assert records.of_issuer("iss_1") in blob


def test_small_notes_come_back() -> None:
    assert records.read_number(records.ended_note("vk_1", 5)) == 5
    assert records.read_used(records.used_note({"vk_1": 5})) == {"vk_1": 5}


def test_another_version_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="note issuer iss_1: version 9"):
        records.read_issuer(Note("issuer", "iss_1", orjson.dumps({"v": 9})))
