"""The corpus of hostile requests, sent to a live gateway with a tape for a vendor.

Every entry goes out whole, with an honest request glued behind it, and cut at every line end; some
byte by byte. However it is cut, it has the same verdict: what the caller hears, whether the
connection is still trusted, and what arrives at the vendor, to the byte."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from tests.corpus.caller import Heard, Manner, make_words, nonce_of, run, send_all
from tests.corpus.entries import Entry, corpus
from tests.corpus.recorder import VENDORS, Recorder, Seen
from tests.corpus.stage import NUMBERED, complaints, faults, gateway_before, of_manner

ENTRIES_MIN: Final = 1_000
OF_A_CLASS_MIN: Final = 15


@dataclass(frozen=True, slots=True)
class Sent:
    """The whole corpus was sent. heard: by manner and the entry's id. seen: by nonce. spent: of
    each key, at the end."""

    words: Mapping[str, str]
    heard: Mapping[Manner, Mapping[str, Heard]]
    seen: Mapping[str, list[Seen]]
    broken: list[str]
    unfinished: list[str]
    hosts: Mapping[str, str]
    said: str


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    directory = tmp_path_factory.mktemp("corpus")
    with (
        Recorder() as tape,
        gateway_before(directory, *map(tape.base_url, VENDORS)) as gateway,
    ):
        words = make_words(gateway)
        heard = {
            manner: run(lambda: send_all(gateway.address, of_manner(manner), words, manner))  # noqa: B023
            for manner in Manner
        }
        hosts = {vendor: f"127.0.0.1:{tape.ports[vendor]}" for vendor in VENDORS}
        yield Sent(words, heard, tape.by_nonce(), tape.broken, tape.unfinished, hosts, gateway.said)


@pytest.mark.parametrize(("number", "entry"), NUMBERED, ids=[entry.id for entry in corpus()])
def test_each_entry_has_its_verdict_however_it_is_cut(
    sent: Sent, number: int, entry: Entry
) -> None:
    found = []
    for manner, heard in sent.heard.items():
        if entry.id in heard:
            seen = sent.seen.get(nonce_of(number, manner), [])
            found += complaints(number, entry, manner, heard[entry.id], seen, sent.words)
    assert found == [], f"{entry.why}\n{entry.text[:2000]!r}"


def test_nothing_reached_a_vendor_that_no_entry_accounts_for(sent: Sent) -> None:
    known = {
        nonce_of(number, manner, honest=honest)
        for number, _ in NUMBERED
        for manner in Manner
        for honest in (False, True)
    }
    strays = [one.line for nonce, seen in sent.seen.items() if nonce not in known for one in seen]
    assert (strays, sent.broken) == ([], [])
    assert set(sent.unfinished) <= known - sent.seen.keys(), "what broke off was refused"


def test_no_vendor_saw_more_of_a_head_than_it_may(sent: Sent) -> None:
    secrets = [secret for name, secret in sent.words.items() if secret.startswith("vault_key_")]
    found = [
        fault
        for seen in sent.seen.values()
        for one in seen
        for fault in faults(one, sent.hosts, secrets)
    ]
    assert found == []


def test_the_gateway_had_nothing_to_complain_of_itself(sent: Sent) -> None:
    assert "Traceback" not in sent.said
    assert not any(secret in sent.said for secret in sent.words.values() if "_key_" in secret)


def test_the_corpus_is_as_large_as_it_was() -> None:
    counts = Counter(entry.kind for entry in corpus())
    assert counts.total() >= ENTRIES_MIN
    assert {kind: count for kind, count in counts.items() if count < OF_A_CLASS_MIN} == {}
