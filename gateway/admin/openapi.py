"""The OpenAPI 3.1 document, made from the table that serves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from gateway.admin.house import House
from gateway.admin.routes import ANYONE, Answer, Ask, Route, Who
from gateway.admin.schemas import SCHEMAS
from gateway.admin.schemawords import ref
from gateway.vault.fields import object_schema

_SCHEME_OF: Final = {Who.ADMIN: "adminKey", Who.ISSUER: "issuerKey", Who.KEY: "vaultKey"}
_SCHEMES: Final = {
    "adminKey": ("kb_admin_…", "The admin key: all of this."),
    "issuerKey": ("kb_issuer_…", "An issuer key: makes and revokes its own vault keys."),
    "vaultKey": ("vault_key_…", "A vault key: looks at itself."),
}
_REPEATABLE: Final = frozenset({"POST", "PATCH"})


def document(routes: Sequence[Route]) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Keybrake admin API",
            "version": "1",
            "description": "Vault keys, issuers, revokes, the audit log and spend by run.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                name: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": form,
                    "description": told,
                }
                for name, (form, told) in _SCHEMES.items()
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": {
            str(route.status): {"description": route.summary, "content": _content(route)},
            "default": {
                "description": "A refusal",
                "content": {"application/problem+json": {"schema": ref("Problem")}},
            },
        },
        "security": [{_SCHEME_OF[who]: []} for who in Who if who in route.who],
    }
    if route.body:
        schema = object_schema(route.body)
        operation["requestBody"] = {
            "required": "required" in schema,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    parameters += [
        {
            "name": field.name,
            "in": "query",
            "required": field.required,
            "description": field.text,
            "schema": dict(field.schema),
        }
        for field in route.query
    ]
    if route.method in _REPEATABLE:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same request again gets the first answer, for 24 h.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    return parameters


def _content(route: Route) -> dict[str, Any]:
    schema = ref(route.answers) if route.answers else {"type": "string"}
    return {media: {"schema": schema} for media in route.media}


def _operation_id(route: Route) -> str:
    words = [word for word in re.split(r"[^a-z]+", route.path.lower()) if word != "vault"]
    return "_".join([route.method.lower(), *filter(None, words)])


async def show(house: House, ask: Ask) -> Answer:
    return house.document


ROUTE: Final = Route("GET", "/openapi.json", ANYONE, show, "This document", "Document")
