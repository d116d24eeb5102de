"""The catalogue: every operation that writes, costs or hands out access has a class, and no path
slips past its row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.vendors.twilio.asking import ACCOUNT, ROOT
from vendors.contract import Money
from vendors.twilio.catalogue import CATALOGUE, KINDS, PARAMETERS, find
from vendors.twilio.quote import QUOTERS
from vendors.twilio.settle import SETTLERS

FACTS = Path(__file__).parents[5] / "shared" / "vendors" / "data" / "twilio_operations.json"

FREE, PRICED, UNPRICED, MINTS = Money.FREE, Money.PRICED, Money.UNPRICED, Money.MINTS


@pytest.mark.parametrize(
    ("method", "product", "path", "name", "money"),
    [
        ("POST", "", f"{ROOT}/Messages.json", "CreateMessage", PRICED),
        ("POST", "", f"{ROOT}/Messages", "CreateMessage", PRICED),
        ("POST", "", f"{ROOT}/Messages.xml", "CreateMessage", PRICED),
        ("POST", "", f"{ROOT}/Messages.csv", "CreateMessage", PRICED),
        ("POST", "", f"{ROOT}/SMS/Messages.json", "LegacyCreateMessage", PRICED),
        ("POST", "", f"{ROOT}/Messages/SM1.json", "UpdateMessage", PRICED),
        ("POST", "", f"{ROOT}/SMS/Messages/SM1.json", "LegacyUpdateMessage", PRICED),
        ("DELETE", "", f"{ROOT}/Messages/SM1.json", "DeleteMessage", FREE),
        ("POST", "", f"{ROOT}/Calls.json", "CreateCall", PRICED),
        ("POST", "", f"{ROOT}/Calls/CA1.json", "UpdateCall", PRICED),
        ("POST", "", f"{ROOT}/Conferences/CF1/Participants.json", "CreateParticipant", PRICED),
        (
            "POST",
            "",
            f"{ROOT}/Conferences/CF1/Participants/CA1.json",
            "UpdateParticipant",
            UNPRICED,
        ),
        ("POST", "", f"{ROOT}/Calls/CA1/Recordings.json", "CreateCallRecording", UNPRICED),
        (
            "POST",
            "",
            f"{ROOT}/IncomingPhoneNumbers/TollFree.json",
            "CreateIncomingPhoneNumberTollFree",
            PRICED,
        ),
        (
            "POST",
            "",
            f"{ROOT}/IncomingPhoneNumbers/PN1.json",
            "UpdateIncomingPhoneNumber",
            UNPRICED,
        ),
        ("POST", "", f"{ROOT}/Keys.json", "CreateNewKey", MINTS),
        ("POST", "", f"{ROOT}/Tokens.json", "CreateToken", MINTS),
        (
            "POST",
            "",
            f"{ROOT}/SIP/CredentialLists/CL1/Credentials.json",
            "CreateSipCredential",
            MINTS,
        ),
        ("POST", "", "/2010-04-01/Accounts.json", "CreateAccount", MINTS),
        ("POST", "", f"{ROOT}.json", "UpdateAccount", MINTS),
        ("POST", "", f"/2010-04-01/accounts/{ACCOUNT}/Messages.json", "", UNPRICED),
        ("POST", "", f"{ROOT}/messages.json", "", UNPRICED),
        ("POST", "", f"{ROOT}/Messages.html", "", UNPRICED),
        ("POST", "", f"/2008-08-01/Accounts/{ACCOUNT}/SMS/Messages", "", UNPRICED),
        ("PUT", "", f"{ROOT}/Messages.json", "", UNPRICED),
        ("POST", "", f"{ROOT}/Messages.json/", "", UNPRICED),
        ("POST", "verify", f"{ROOT}/Messages.json", "", UNPRICED),
        ("POST", "nowhere", "/v1/Things", "", UNPRICED),
        (
            "POST",
            "verify",
            "/v2/Services/VA1/Verifications",
            "verify.v2.CreateVerification",
            PRICED,
        ),
        ("POST", "", "/v2/Services/VA1/Verifications", "", UNPRICED),
        ("POST", "studio", "/v2/Flows/FW1/Executions", "studio.v2.CreateExecution", UNPRICED),
        ("POST", "lookups", "/v2/batch/query", "lookups.v2.CreateBulkLookup", PRICED),
        (
            "PATCH",
            "accounts",
            "/v1/Messaging/GeoPermissions",
            "accounts.v1.UpdateMessagingGeopermissions",
            UNPRICED,
        ),
        ("POST", "iam", "/v1/Keys", "iam.v1.CreateNewKey", MINTS),
        (
            "POST",
            "conversations",
            "/v1/Conversations/CH1/Messages",
            "conversations.v1.CreateConversationMessage",
            UNPRICED,
        ),
    ],
)
def test_writes(method: str, product: str, path: str, name: str, money: Money) -> None:
    operation = find(method, path, product)
    assert (operation.name, operation.money, operation.method) == (name, money, method)
    assert operation.note


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("product", "path", "name", "money"),
    [
        ("lookups", "/v2/PhoneNumbers/+14155552671", "lookups.v2.FetchPhoneNumber", PRICED),
        ("lookups", "/v2/phonenumbers/+14155552671.xml", "lookups.v2.FetchPhoneNumber", PRICED),
        ("lookups", "/v1/PhoneNumbers/+14155552671", "lookups.v1.FetchPhoneNumber", PRICED),
        ("", "/v2/PhoneNumbers/+14155552671", "lookups.v2.FetchPhoneNumber", PRICED),
        ("routes", "/v2/PhoneNumbers/+14155552671", "", FREE),
        ("lookups", "/v2/PhoneNumbers/+1415/Overrides/x", "", FREE),
        ("", "/2010-04-01/Accounts.json", "ListAccount", MINTS),
        ("", "/2010-04-01/Accounts", "ListAccount", MINTS),
        ("", "/2010-04-01/accounts.csv.json", "ListAccount", MINTS),
        ("", "/2010-04-01/Accounts/.json", "ListAccount", MINTS),
        ("", f"{ROOT}.json", "FetchAccount", MINTS),
        ("", f"{ROOT}.html", "FetchAccount", MINTS),
        ("", f"{ROOT}/.json", "FetchAccount", MINTS),
        ("", f"/2008-08-01/ACCOUNTS/{ACCOUNT}", "FetchAccount", MINTS),
        ("", "/api/2010-04-01/Accounts.json", "ListAccount", MINTS),
        ("verify", f"{ROOT}.json", "FetchAccount", MINTS),
        ("serverless", "/v1/Services/ZS1/Environments/ZE1/Variables", None, MINTS),
        ("verify", "/v2/Services/VA1/AccessTokens/YK1", "verify.v2.FetchAccessToken", MINTS),
        ("", f"{ROOT}/Messages.json", "", FREE),
        ("", f"{ROOT}/Balance.json", "", FREE),
        ("pricing", "/v1/Messaging/Countries/US", "", FREE),
        ("nowhere", "/v1/Things", "", FREE),
        ("", "/", "", FREE),
        ("", "/.json", "", FREE),
    ],
)
def test_reads(method: str, product: str, path: str, name: str | None, money: Money) -> None:
    operation = find(method, path, product)
    assert (operation.money, operation.method) == (money, method)
    assert name is None or operation.name == name


def test_the_last_parameter_is_the_object_but_for_the_account() -> None:
    assert find("POST", f"{ROOT}/Messages/SM1.json", "").object_id == "SM1"
    assert find("POST", f"{ROOT}/Messages.json", "").object_id is None
    assert find("POST", f"{ROOT}/Calls/CA1/Recordings.json", "").object_id == "CA1"
    assert find("POST", "/v2/Services/VA1/Verifications", "verify").object_id == "VA1"


def test_rows_are_found_by_their_own_pattern_and_are_unique() -> None:
    names = set()
    for row in CATALOGUE.rows:
        own = row.operation
        path = own.pattern.replace("{", "").replace("}", "")
        assert CATALOGUE.find(own.method, path, row.product).name == own.name
        assert own.note
        names.add(own.name)
    assert len(names) == len(CATALOGUE.rows) == 727


def test_what_has_a_price_has_a_quote_and_a_settlement() -> None:
    priced = {KINDS[r.operation.name] for r in CATALOGUE.rows if r.operation.money is PRICED}
    assert priced == set(QUOTERS)
    assert set(SETTLERS) < priced
    assert {"To", "Body", "TimeLimit", "Fields", "Channel", "PhoneNumber"} <= PARAMETERS


def test_every_operation_that_writes_or_costs_has_a_class() -> None:
    """Against the collected facts where they lie beside the checkout, else against their number."""
    listed = {(r.operation.method, r.product, r.operation.pattern) for r in CATALOGUE.rows}
    assert len([row for row in listed if row[0] != "GET"]) == 714 + 3
    if not FACTS.exists():
        return
    for row in json.loads(FACTS.read_text("utf-8"))["operations"]:
        product = row["host"].removesuffix(".twilio.com")
        found = find(row["method"], row["path"].replace("{", "").replace("}", ""), product)
        if product == "api":
            found = find(row["method"], row["path"].replace("{", "").replace("}", ""), "")
        if row["method"] != "GET" or row.get("cost"):
            key = (row["method"], "" if product == "api" else product, row["path"])
            assert key in listed
        if row.get("cost"):
            assert found.money is not FREE, row
        if row.get("cost") == "escape":
            assert found.money is MINTS, row
