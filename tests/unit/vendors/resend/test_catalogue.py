"""The catalogue: every operation has a class, and no path slips past its row."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from vendors.contract import Money
from vendors.resend.catalogue import CATALOGUE, NAMES, ONLY
from vendors.resend.quote import QUOTERS
from vendors.resend.settle import SETTLERS

FACTS = Path(__file__).parents[5] / "shared" / "vendors" / "data" / "resend_operations.json"


@pytest.mark.parametrize(
    ("method", "path", "name", "money"),
    [
        ("POST", "/emails", "emails/send", Money.PRICED),
        ("POST", "/emails/batch", "emails/send-batch", Money.PRICED),
        ("POST", "/emails/e1/cancel", "emails/cancel", Money.PRICED),
        ("PATCH", "/emails/e1", "emails/update", Money.PRICED),
        ("POST", "/broadcasts", "broadcasts/create", Money.PRICED),
        ("POST", "/broadcasts/b1/send", "broadcasts/send", Money.PRICED),
        ("PATCH", "/broadcasts/b1", "broadcasts/update", Money.PRICED),
        ("POST", "/events/send", "events/send", Money.UNPRICED),
        ("POST", "/automations", "automations/create", Money.UNPRICED),
        ("PATCH", "/automations/a1", "automations/update", Money.UNPRICED),
        ("POST", "/automations/a1/duplicate", "automations/duplicate", Money.UNPRICED),
        ("POST", "/inboxes", "inboxes/create", Money.UNPRICED),
        ("PATCH", "/inboxes/i1/agent", "inboxes/update-agent", Money.UNPRICED),
        ("POST", "/inboxes/i1/drafts/d1/send", "inboxes/send-draft", Money.UNPRICED),
        ("POST", "/inboxes/i1/threads/t1/emails/e1/reply", "inboxes/reply-email", Money.UNPRICED),
        ("POST", "/inboxes/i/threads/t/emails/e/forward", "inboxes/forward-email", Money.UNPRICED),
        ("POST", "/domains", "domains/create", Money.UNPRICED),
        ("POST", "/api-keys", "api-keys/create", Money.MINTS),
        ("POST", "/webhooks", "webhooks/create", Money.MINTS),
        ("PATCH", "/webhooks/w1", "webhooks/update", Money.MINTS),
        ("GET", "/webhooks/w1", "webhooks/get", Money.MINTS),
        (
            "POST",
            "/webhooks/w1/signing-secret/rotate",
            "webhooks/rotate-signing-secret",
            Money.MINTS,
        ),
        ("POST", "/emails/e1/share", "emails/share", Money.MINTS),
        ("POST", "/contacts", "contacts/create", Money.FREE),
        ("POST", "/contacts/imports", "contacts/create-import", Money.FREE),
        ("DELETE", "/api-keys/k1", "api-keys/remove", Money.FREE),
        ("PUT", "/inboxes/i1/threads/t1/labels", "inboxes/replace-thread-label", Money.FREE),
        ("GET", "/emails/receiving", "emails/list-receiving", Money.FREE),
        ("GET", "/emails", "emails/list", Money.FREE),
        ("GET", "/nothing", "", Money.FREE),
        ("HEAD", "/emails", "", Money.FREE),
        ("POST", "/Emails", "", Money.UNPRICED),
        ("POST", "/emails/", "", Money.UNPRICED),
        ("POST", "/emails/batch/", "", Money.UNPRICED),
        ("POST", "//emails", "", Money.UNPRICED),
        ("POST", "/broadcasts//send", "", Money.UNPRICED),
        ("PUT", "/emails", "", Money.UNPRICED),
        ("DELETE", "/emails/e1", "", Money.UNPRICED),
        ("POST", "/", "", Money.UNPRICED),
    ],
)
def test_find(method: str, path: str, name: str, money: Money) -> None:
    operation = CATALOGUE.find(method, path)
    assert (operation.name, operation.money) == (name, money)
    assert operation.method == method
    assert operation.note or money is Money.FREE


def test_a_literal_goes_before_a_parameter() -> None:
    assert CATALOGUE.find("GET", "/contacts/imports").name == "contacts/list-imports"
    assert CATALOGUE.find("GET", "/contacts/imports/i1").name == "contacts/get-import"
    assert CATALOGUE.find("GET", "/contacts/c1/segments").name == "contacts/list-segments"


def test_the_last_parameter_is_the_object() -> None:
    assert CATALOGUE.find("POST", "/emails/e1/cancel").object_id == "e1"
    assert CATALOGUE.find("POST", "/emails").object_id is None
    draft = CATALOGUE.find("POST", "/inboxes/i1/drafts/d1/send")
    assert draft.object_id == "d1"
    assert draft.pattern == "/inboxes/{inbox}/drafts/{draft_id}/send"


def test_rows_are_found_by_their_own_pattern_and_are_unique() -> None:
    for row in CATALOGUE.rows:
        path = row.pattern.replace("{", "").replace("}", "")
        assert CATALOGUE.find(row.method, path).name == row.name
        assert row.note
    assert len({row.name for row in CATALOGUE.rows}) == len(CATALOGUE.rows)
    assert len({(row.method, row.pattern) for row in CATALOGUE.rows}) == len(CATALOGUE.rows)


def test_every_operation_has_a_class() -> None:
    """Against the collected facts where they lie beside the checkout, else against their number."""
    listed = {(row.method, row.pattern) for row in CATALOGUE.rows}
    known = listed
    if FACTS.exists():
        facts = json.loads(FACTS.read_text("utf-8"))["operations"]
        known = {(fact["method"], fact["path"]) for fact in facts}
    assert known == listed
    assert Counter(row.method == "GET" for row in CATALOGUE.rows) == {True: 55, False: 83}


def test_what_is_priced_has_a_quote_and_a_settlement() -> None:
    priced = {row.name for row in CATALOGUE.rows if row.money is Money.PRICED}
    assert priced == set(QUOTERS) == set(SETTLERS) == set(NAMES)
    assert priced > ONLY


def test_every_root_leads_here() -> None:
    reserved = {"vault", "dashboard", "static", "openapi.json", "healthz", "readyz", "metrics"}
    roots = CATALOGUE.roots()
    assert {"emails", "broadcasts", "api-keys", "contact-properties", "oauth", "usage"} <= roots
    assert not roots & (reserved | {"v1", "v2", "2010-04-01", "stripe", "twilio", "resend", ""})
