from __future__ import annotations

import orjson
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.admin.api import ROUTES
from gateway.admin.openapi import document
from gateway.admin.schemas import SCHEMAS
from tests.unit.gateway.admin.side import BODY, ISSUER_BODY, Side

DOCUMENT = document(ROUTES)


async def test_it_is_served_to_anyone(side: Side) -> None:
    status, served = await side.ask("GET", "/openapi.json", key=None)
    assert (status, served) == (200, orjson.loads(orjson.dumps(DOCUMENT)))


def test_it_is_valid_openapi_31() -> None:
    OpenAPIV31SpecValidator(orjson.loads(orjson.dumps(DOCUMENT))).validate()


def test_it_has_the_rows_that_serve_and_no_others() -> None:
    told = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert told == {(route.method, route.path) for route in ROUTES}
    ids = [op["operationId"] for item in DOCUMENT["paths"].values() for op in item.values()]
    assert len(ids) == len(set(ids)) == len(ROUTES)


def test_the_rows_are_those_of_the_design() -> None:
    rows = {(route.method, route.path) for route in ROUTES}
    for path in ("/vault/keys", "/vault/issuers"):
        assert {("POST", path), ("GET", path)} <= rows
        assert {("GET", path + "/{id}"), ("PATCH", path + "/{id}")} <= rows
        assert ("POST", path + "/{id}/revoke") in rows
    assert {
        ("GET", "/vault/keys/self"),
        ("POST", "/vault/runs/revoke"),
        ("POST", "/vault/revoke"),
        ("POST", "/vault/resume"),
        ("GET", "/vault/calls"),
        ("GET", "/vault/calls/{id}"),
        ("GET", "/vault/calls/export"),
        ("GET", "/vault/runs"),
        ("GET", "/vault/runs/detail"),
        ("GET", "/vault/in-doubt"),
        ("POST", "/vault/calls/{id}/resolve"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("GET", "/openapi.json"),
    } <= rows


def test_the_schemas_take_what_the_readers_take() -> None:
    for path, body in (("/vault/keys", BODY), ("/vault/issuers", ISSUER_BODY)):
        content = DOCUMENT["paths"][path]["post"]["requestBody"]["content"]
        validator = Draft202012Validator(content["application/json"]["schema"])
        validator.validate(body)
        assert not validator.is_valid({**body, "nonsense": 1})
        assert not validator.is_valid({})


def test_every_schema_is_one_and_is_used() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)
    used = str(DOCUMENT["paths"]) + str(SCHEMAS)
    assert all(f"#/components/schemas/{name}'" in used for name in SCHEMAS)
