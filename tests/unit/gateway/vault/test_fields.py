from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.errors import InvalidRequest
from gateway.vault import fields as f
from gateway.vault.fields import Field, object_schema, read_fields
from gateway.vault.issuerreader import ISSUER_AMEND_FIELDS, ISSUER_FIELDS
from gateway.vault.termsreader import AMEND_FIELDS, KEY_FIELDS

TABLE = (
    f.text("name", "", required=True),
    f.whole("size", "", least=1, most=9),
    f.duration("life", "", null="value"),
    f.flag("hot", "", null="refused"),
    f.nested("box", "", (f.usd("price", "", required=True),), dict),
)


def mistakes(body: dict[str, Any], table: tuple[Field, ...] = TABLE) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refused:
        read_fields(body, table)
    return {told["field"]: told["problem"] for told in refused.value.facts["errors"]}


def test_values_come_back_by_name() -> None:
    body = {"name": "x", "size": 9, "life": "2h", "hot": False, "box": {"price": "0.5"}}
    found = read_fields(body, TABLE)
    assert found == {"name": "x", "size": 9, "life": 7200, "hot": False, "box": {"price": 500_000}}


def test_null_means_absent_a_value_or_a_mistake() -> None:
    assert read_fields({"name": "x", "size": None, "life": None}, TABLE) == {
        "name": "x",
        "life": None,
    }
    assert mistakes({"name": None, "hot": None}) == {
        "name": "is required",
        "hot": "must not be null",
    }


def test_a_mistake_in_an_object_is_told_by_its_path() -> None:
    assert mistakes({"name": "x", "box": {}}) == {"box.price": "is required"}
    assert mistakes({"name": "x", "box": []}) == {"box": "must be an object"}


def test_unknown_fields_are_mistakes_with_a_guess() -> None:
    told = mistakes({"name": "x", "siez": 1, "zzzzzz": 1})
    assert told["siez"] == "is not a field here; did you mean size?"
    assert told["zzzzzz"] == "is not a field here"


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Paris", "America/Argentina/Buenos_Aires", "Etc/GMT+5"]
)
def test_a_zone_that_exists_is_taken(zone: str) -> None:
    assert read_fields({"zone": zone}, (f.zone("zone", ""),)) == {"zone": zone}


@pytest.mark.parametrize(
    "zone", ["", "/etc/passwd", "Europe", "x" * 65, 5, "Europe/../UTC", "utc "]
)
def test_any_other_zone_is_refused(zone: Any) -> None:
    assert "time zone" in mistakes({"zone": zone}, (f.zone("zone", ""),))["zone"]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T01:00:00.000001+01:00", 1),
        ("1970-01-02", None),
        ("yesterday", None),
        (5, None),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140_000_000),
    ],
)
def test_a_moment_has_a_zone(text: Any, micros: int | None) -> None:
    table = (f.moment("at", ""),)
    if micros is None:
        assert "must be a time" in mistakes({"at": text}, table)["at"]
    else:
        assert read_fields({"at": text}, table) == {"at": micros}


@pytest.mark.parametrize("table", [KEY_FIELDS, AMEND_FIELDS, ISSUER_FIELDS, ISSUER_AMEND_FIELDS])
def test_every_table_describes_itself(table: tuple[Field, ...]) -> None:
    schema = object_schema(table)
    Draft202012Validator.check_schema(schema)
    assert all(row["description"] for row in schema["properties"].values())
