"""What Make.com accepts as a blueprint, as far as it is known, and what we ask of ours beside it.

The shape of modules, routers, error routes and filters, and the fields of the HTTP app's version 4,
are those of blueprints that Make exports; the operators of filters are the closed list of Make's
own schema library. What would only show after an import (an unknown function, a value from a module
of another route) is looked for here, since nobody imports these files in a test.

    assert broken(orjson.loads(file.read_bytes())) == []
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

BYTES_MAX: Final = 100_000
"""Ours, for files that people read. Make takes 2 MB."""

VERSIONS: Final = {
    "builtin:BasicRouter": 1,
    "builtin:Break": 1,
    "builtin:Ignore": 1,
    "builtin:Resume": 1,
    "gateway:CustomWebHook": 1,
    "gateway:WebhookRespond": 1,
    "http:MakeRequest": 4,
    "json:TransformToJSON": 1,
    "openai-gpt-3:CreateCompletion": 1,
    "slack:CreateMessage": 4,
    "util:SetVariable2": 1,
}
"""The modules that ours are made of, each with the version that is exported today."""
DIRECTIVES: Final = {"builtin:Break", "builtin:Ignore", "builtin:Resume"}

_ORDER: Final = ("equal", "notequal", "greater", "less", "greaterorequal", "lessorequal")
_TEXT: Final = ("equal", "contain", "startwith", "endwith", "pattern")
OPERATORS: Final = frozenset(
    {
        *(f"text:{no}{name}{ci}" for no in ("", "not") for name in _TEXT for ci in ("", ":ci")),
        *(f"{kind}:{name}" for kind in ("number", "date", "time", "semver") for name in _ORDER),
        *(f"array:{name}" for name in _ORDER),
        *(f"array:{no}contain{ci}" for no in ("", "not") for ci in ("", ":ci")),
        *("boolean:equal", "boolean:notequal"),
    }
)
"""Those with two sides."""
ALONE: Final = frozenset({"exist", "notexist"})

_FUNCTIONS: Final = """
    get if ifempty switch omit pick
    average ceil floor formatNumber max median min parseNumber round sum trunc stdevP stdevS
    ascii base64 capitalize contains decodeURL encodeURL escapeHTML escapeMarkdown indexOf length
    lower md5 replace replaceEmojiCharacters sha1 sha256 sha512 split startcase stripHTML substring
    toBinary toString trim upper
    addDays addHours addMinutes addMonths addSeconds addYears dateDifference formatDate parseDate
    setDate setDay setHour setMinute setMonth setSecond setYear
    add arrayDifference deduplicate distinct first flatten join keys last map merge remove reverse
    shuffle slice sort toArray toCollection
"""
FUNCTIONS: Final = frozenset(_FUNCTIONS.split())
SYSTEM: Final = frozenset({"var.scenario.executionId", "var.scenario.executionUrl"})
"""What Make tells of the run itself."""

MEMBERS: Final = frozenset({"id", "module", "version", "parameters", "mapper", "metadata"})
HTTP_MAPPER: Final = {
    "url", "method", "headers", "queryParameters", "contentType", "inputMethod",
    "jsonStringBodyContent", "urlEncodedBodyContent", "parseResponse", "stopOnHttpError", "timeout",
    "allowRedirects", "shareCookies", "requestCompressedContent",
}  # fmt: skip
HTTP_FLAGS: Final = (
    "parseResponse", "stopOnHttpError", "allowRedirects", "shareCookies",
    "requestCompressedContent",
)  # fmt: skip
_EXPRESSION: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_QUOTED: Final = re.compile(r"`[^`]*`|\"[^\"]*\"")
_REFERENCE: Final = re.compile(r"(?<![\w.\])])(\d+)\.")
_CALL: Final = re.compile(r"([A-Za-z][A-Za-z0-9]*)\(")
_WORD: Final = re.compile(r"(?<![\w.\])])[A-Za-z_][\w.]*(?![\w(])")
_SAFE_IN_JSON: Final = re.compile(r"\d+\.json")
_SECRET: Final = re.compile(
    r"vault_key_\w|kb_(?:issuer|admin)_\w|[rs]k_(?:live|test)_\w|re_[A-Za-z0-9]{8}|AC[0-9a-f]{32}"
    r"|xox[bp]-|hook\.[a-z0-9.]*make\.com/\w"
)


@dataclass(slots=True)
class _Look:
    """One look over a blueprint. seen: every id; last: the highest so far, as the file is read."""

    wrong: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    last: int = 0

    def say(self, module: Any, what: str) -> None:
        self.wrong.append(f"{module.get('id')}: {what}")


def broken(tree: Any) -> list[str]:
    """Everything that is wrong with a blueprint, in words."""
    look = _Look()
    if not isinstance(tree.get("name"), str) or not tree["name"]:
        look.wrong.append("a blueprint has a name")
    scenario = tree.get("metadata", {}).get("scenario", {})
    for flag in ("roundtrips", "maxErrors", "autoCommit", "sequential", "confidential", "dlq"):
        if flag not in scenario:
            look.wrong.append(f"metadata.scenario has no {flag}")
    _flow(tree["flow"], set(), look, erring=None)
    if any(it["module"] == "builtin:Break" for it in every(tree["flow"])) and not scenario["dlq"]:
        look.wrong.append("Break needs scenario.dlq: incomplete executions are stored")
    text = json.dumps(tree, ensure_ascii=False)
    look.wrong.extend(f"a secret: {found[0]}" for found in _SECRET.finditer(text))
    if len(text) > BYTES_MAX:
        look.wrong.append("it is too large to be read")
    return look.wrong


def every(flow: Any) -> Iterator[Any]:
    """Every module, in the order of the file."""
    for module in flow:
        yield module
        yield from every(module.get("onerror") or ())
        for route in module.get("routes") or ():
            yield from every(route["flow"])


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts(item)


def _flow(flow: Any, before: set[int], look: _Look, *, erring: int | None) -> None:
    """before: modules whose output can be mapped here. erring: the module whose error is
    handled."""
    known = set(before)
    for at, module in enumerate(flow):
        _module(module, known, look)
        _references(module, known, look, erring)
        if module["module"] == "builtin:BasicRouter":
            _router(module, known, look, last=at == len(flow) - 1, erring=erring)
        elif module.get("routes"):
            look.say(module, "only a router has routes")
        if module["module"] in DIRECTIVES and (erring is None or at != len(flow) - 1):
            look.say(module, "a directive ends an error route and stands nowhere else")
        if "onerror" in module:
            _flow(module["onerror"], known, look, erring=module["id"])
        known.add(module["id"])


def _module(module: Any, known: set[int], look: _Look) -> None:
    missing = MEMBERS - module.keys()
    strange = module.keys() - MEMBERS - {"filter", "routes", "onerror"}
    for name in sorted(missing):
        look.say(module, f"no {name}")
    for name in sorted(strange):
        look.say(module, f"what is {name}?")
    if module["id"] in look.seen or module["id"] <= look.last:
        look.say(module, "ids are unique and grow")
    look.seen.add(module["id"])
    look.last = max(look.last, module["id"])
    if VERSIONS.get(module["module"]) != module.get("version"):
        look.say(module, f"{module['module']} version {module.get('version')} is unknown")
    place = module.get("metadata", {}).get("designer", {})
    if not all(type(place.get(axis)) is int for axis in "xy"):
        look.say(module, "metadata.designer has no place")
    _connections(module, look)
    if module["module"] == "http:MakeRequest":
        _http(module, look)
    if "filter" in module:
        _filter(module, look)


def _connections(module: Any, look: _Look) -> None:
    """Absent, so that the import asks for them: an id of ours would be another person's."""
    for name, value in module.get("parameters", {}).items():
        if (name == "__IMTCONN__" or name == "hook" or name.endswith("Keychain")) and value:
            look.say(module, f"{name} is somebody's own")


def _http(module: Any, look: _Look) -> None:
    mapper = module["mapper"]
    for name in sorted(mapper.keys() - HTTP_MAPPER):
        look.say(module, f"the HTTP module has no field {name}")
    for name in HTTP_FLAGS:
        if type(mapper.get(name)) is not bool:
            look.say(module, f"{name} is required")
    if module["parameters"].get("authenticationType") not in ("noAuth", "apiKey", "basicAuth"):
        look.say(module, "no authenticationType")
    if mapper.get("method") not in ("get", "head", "post", "put", "patch", "delete", "options"):
        look.say(module, "methods are in small letters")
    if not 1 <= mapper.get("timeout", 40) <= 300:
        look.say(module, "a time-out is 1 to 300 seconds")
    _http_body(module, look)
    for row in (*mapper.get("headers", ()), *mapper.get("urlEncodedBodyContent", ())):
        if set(row) != {"name", "value"}:
            look.say(module, "rows have a name and a value")


def _http_body(module: Any, look: _Look) -> None:
    mapper = module["mapper"]
    kinds = {"urlEncoded": "urlEncodedBodyContent", "json": "jsonStringBodyContent"}
    for kind, name in kinds.items():
        if (name in mapper) != (kind == mapper.get("contentType")):
            look.say(module, f"{name} and contentType disagree")
    for expression in _EXPRESSION.findall(mapper.get("jsonStringBodyContent", "")):
        if _SAFE_IN_JSON.fullmatch(expression) is None and expression not in SYSTEM:
            look.say(module, f"{{{{{expression}}}}} can break out of its JSON string")


def _router(module: Any, known: set[int], look: _Look, *, last: bool, erring: int | None) -> None:
    if not last:
        look.say(module, "nothing follows a router but its routes")
    if module.get("mapper") is not None:
        look.say(module, "a router maps nothing")
    if not module.get("routes"):
        look.say(module, "a router has routes")
    for route in module.get("routes", ()):
        if set(route) != {"flow"} or not route["flow"]:
            look.say(module, "a route is a flow; filters stand in its first module")
            continue
        _flow(route["flow"], known, look, erring=erring)


def _filter(module: Any, look: _Look) -> None:
    rule = module["filter"]
    if set(rule) != {"name", "conditions"} or not rule["conditions"]:
        look.say(module, "a filter has a name and conditions")
        return
    for group in rule["conditions"]:
        for condition in group:
            wanted = {"a", "o"} if condition.get("o") in ALONE else {"a", "b", "o"}
            if set(condition) != wanted or condition["o"] not in OPERATORS | ALONE:
                look.say(module, f"no condition: {condition}")


def _references(module: Any, known: set[int], look: _Look, erring: int | None) -> None:
    """Only what ran before on the same path can be mapped; of a module that failed, its error."""
    own = [module.get(name) for name in ("mapper", "parameters", "filter")]
    for text in texts(own):
        if text.count("{{") != text.count("}}"):
            look.say(module, f"braces: {text}")
        for expression in _EXPRESSION.findall(text):
            bare = _QUOTED.sub("", expression)
            for number in map(int, _REFERENCE.findall(bare)):
                of_error = number == erring and f"{number}.error." in bare
                if number not in known and not of_error:
                    look.say(module, f"{{{{{expression}}}}} is not known here")
            for name in set(_CALL.findall(bare)) - FUNCTIONS:
                look.say(module, f"Make has no function {name}")
            for name in set(_WORD.findall(bare)) - SYSTEM:
                look.say(module, f"{name} is no variable of Make's")
