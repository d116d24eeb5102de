"""A little Make.com: runs a blueprint, so that ours are known to work before anybody imports them.

    run = Run(tree, keychain=secret, ai={"amount_cents": 1200}).start(order_number="1001")
    assert run.outcomes == ["charged 12.00 USD: pi_…"]

It knows the modules and the one function that our blueprints use, evaluates what is mapped, walks
routers and error routes as Make's documents describe, and sends what the HTTP module would send.
Anything else is an error: nothing is passed over. Blocking; one bundle a run.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import quote, urlencode, urlsplit

from tests.house import Answer, Wire, request_bytes

USER_AGENT: Final = "Make/production"
ERROR_TYPES: Final = {
    400: "DataError",
    429: "RateLimitError",
    503: "ConnectionError",
    504: "ConnectionError",
}
"""What Make's documents call an error of this status; RuntimeError where they say no more."""
_EXPRESSION: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_CALLED: Final = re.compile(r"(\w+)\((.*)\)", re.DOTALL)
_STEP: Final = re.compile(r"`([^`]*)`|([^.`]+)")
_RUNS: Final = itertools.count(1)

Bundle = dict[str, Any]


class Failed(Exception):
    """A module failed. told: what `{{N.error}}` is on its error route."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.told = {"type": kind, "message": message}


class _Stopped(Exception):
    """A directive ended this bundle."""


@dataclass(slots=True)
class Run:
    """One run after another of one scenario. keychain: the secret that its API-key modules hold.
    ai: what the model answers. The rest is what came of it: the variable `outcome` each time it
    was set, Slack's messages, the webhook's replies, and (status, code) of each HTTP call."""

    tree: Any
    keychain: str = ""
    ai: Any = None
    outcomes: list[str] = field(default_factory=list)
    slack: list[str] = field(default_factory=list)
    replies: list[tuple[str, str]] = field(default_factory=list)
    answers: list[tuple[int, Any]] = field(default_factory=list)
    ended: str = ""
    execution: str = ""
    _left: tuple[Sequence[Any], Bundle] | None = None

    def start(self, **trigger: str) -> Self:
        """A webhook's fields come in. Forgets what came of the run before."""
        self._forget()
        self.execution = f"exec{next(_RUNS)}"
        self._go(self.tree["flow"], {"trigger": trigger, "var": self._system()})
        return self

    def complete(self) -> Self:
        """Make's own retry of an incomplete execution, which Break had stored."""
        assert self._left is not None, "nothing was stored"
        flow, bundle = self._left
        self._forget()
        self._go(flow, bundle)
        return self

    def _forget(self) -> None:
        for told in (self.outcomes, self.slack, self.replies, self.answers):
            told.clear()
        self.ended, self._left = "", None

    def _system(self) -> Bundle:
        url = f"https://eu1.make.com/1/scenarios/2/logs/{self.execution}"
        return {"scenario": {"executionId": self.execution, "executionUrl": url}}

    def _go(self, flow: Sequence[Any], bundle: Bundle) -> None:
        try:
            self._walk(flow, bundle)
            self.ended = "success"
        except _Stopped as stop:
            self.ended = str(stop)

    def _walk(self, flow: Sequence[Any], bundle: Bundle) -> None:
        for at, module in enumerate(flow):
            if "filter" in module and not passes(module["filter"], bundle):
                return
            if module["module"] == "builtin:BasicRouter":
                for route in module["routes"]:
                    self._walk(route["flow"], bundle)
                return
            try:
                output = self._run(module, bundle)
            except Failed as failed:
                output = self._handle(module, failed, flow[at:], bundle)
            bundle[str(module["id"])] = output

    def _handle(self, module: Any, failed: Failed, left: Sequence[Any], bundle: Bundle) -> Any:
        """The substitute output, where the error route ends in Resume."""
        if "onerror" not in module:
            raise failed
        erring = {**bundle, str(module["id"]): {"error": failed.told}}
        try:
            self._walk(module["onerror"], erring)
        except _Resumed as resumed:
            return resumed.output
        except _Stopped as stop:
            if str(stop) == "builtin:Break":
                self._left = (left, bundle)
            raise
        raise failed  # no route took it: as if there were none

    def _run(self, module: Any, bundle: Bundle) -> Any:
        return _MODULES[module["module"]](self, module, bundle)

    # -- modules ---------------------------------------------------------------------------------

    def _webhook(self, module: Any, bundle: Bundle) -> Any:
        return bundle["trigger"]

    def _ask(self, module: Any, bundle: Bundle) -> Any:
        mapper = mapped(module["mapper"], bundle)
        assert all(message["content"] for message in mapper["messages"])
        assert isinstance(self.ai, dict) == (mapper.get("parseJSONResponse") is True)
        return {"result": self.ai}

    def _to_json(self, module: Any, bundle: Bundle) -> Any:
        return {"json": json.dumps(mapped(module["mapper"], bundle)["object"])}

    def _note(self, module: Any, bundle: Bundle) -> Any:
        mapper = mapped(module["mapper"], bundle)
        assert mapper["name"] == "outcome"
        self.outcomes.append(mapper["value"])
        return {mapper["name"]: mapper["value"]}

    def _tell(self, module: Any, bundle: Bundle) -> Any:
        self.slack.append(mapped(module["mapper"], bundle)["text"])
        return {}

    def _reply(self, module: Any, bundle: Bundle) -> Any:
        mapper = mapped(module["mapper"], bundle)
        self.replies.append((mapper["status"], mapper["body"]))
        return {}

    def _request(self, module: Any, bundle: Bundle) -> Any:
        mapper = mapped(module["mapper"], bundle)
        headers = {row["name"]: row["value"] for row in mapper["headers"]}
        if module["parameters"]["authenticationType"] == "apiKey":
            headers["Authorization"] = f"Bearer {self.keychain}"
        answer = sent(mapper, headers)
        data = answer.json() if "json" in answer.headers.get("content-type", "") else answer.body
        self.answers.append((answer.status, data.get("error") if type(data) is dict else None))
        if mapper["stopOnHttpError"] and answer.status >= 400:
            kind = ERROR_TYPES.get(answer.status, "RuntimeError")
            raise Failed(kind, f"[{answer.status}] {answer.body.decode()}")
        return {"statusCode": answer.status, "headers": dict(answer.headers), "data": data}

    def _stop(self, module: Any, bundle: Bundle) -> Any:
        raise _Stopped(module["module"])

    def _resume(self, module: Any, bundle: Bundle) -> Any:
        raise _Resumed(mapped(module["mapper"], bundle))


class _Resumed(Exception):
    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


_MODULES: Final[Mapping[str, Callable[[Run, Any, Bundle], Any]]] = {
    "gateway:CustomWebHook": Run._webhook,
    "gateway:WebhookRespond": Run._reply,
    "http:MakeRequest": Run._request,
    "json:TransformToJSON": Run._to_json,
    "openai-gpt-3:CreateCompletion": Run._ask,
    "slack:CreateMessage": Run._tell,
    "util:SetVariable2": Run._note,
    "builtin:Break": Run._stop,
    "builtin:Ignore": Run._stop,
    "builtin:Resume": Run._resume,
}


def sent(mapper: Any, headers: dict[str, str]) -> Answer:
    """What the HTTP module sends. It refuses a header of more than one line, as Make does."""
    assert not any(set(value) & set("\r\n") for value in headers.values())
    url = urlsplit(mapper["url"])
    body = b""
    if mapper.get("contentType") == "urlEncoded":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        rows = [(row["name"], row["value"]) for row in mapper["urlEncodedBodyContent"]]
        body = urlencode(rows).encode()
    elif mapper.get("contentType") == "json":
        headers["Content-Type"] = "application/json"
        body = mapper["jsonStringBodyContent"].encode()
    named = {"Host": url.netloc, "User-Agent": USER_AGENT, "Accept": "*/*", **headers}
    with Wire(url.netloc) as wire:
        wire.send(request_bytes(mapper["method"].upper(), url.path, named, body))
        return wire.answer()


# ── what is mapped ──────────────────────────────────────────────────────────────────────────────


def mapped(value: Any, bundle: Bundle) -> Any:
    """With every expression evaluated. A text that is one expression keeps the value's kind."""
    if isinstance(value, dict):
        return {name: mapped(item, bundle) for name, item in value.items()}
    if isinstance(value, list):
        return [mapped(item, bundle) for item in value]
    if not isinstance(value, str):
        return value
    whole = _EXPRESSION.fullmatch(value)
    if whole is not None and "}}" not in whole[1]:
        found = evaluated(whole[1], bundle)
        return "" if found is None else found
    return _EXPRESSION.sub(lambda found: shown(evaluated(found[1], bundle)), value)


def evaluated(expression: str, bundle: Bundle) -> Any:
    called = _CALLED.fullmatch(expression)
    if called is not None:
        assert called[1] == "encodeURL", f"{called[1]} is not known here"
        return quote(shown(evaluated(called[2], bundle)), safe="")
    value: Any = bundle
    for quoted, plain in _STEP.findall(expression):
        value = value.get(quoted or plain) if isinstance(value, dict) else None
    return value


def shown(value: Any) -> str:
    """As Make puts a value into a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return "[Collection]" if isinstance(value, dict | list) else str(value)


# ── filters ─────────────────────────────────────────────────────────────────────────────────────


def passes(rule: Any, bundle: Bundle) -> bool:
    """Groups are joined by OR, what is in a group by AND."""
    return any(all(_holds(it, bundle) for it in group) for group in rule["conditions"])


def _holds(condition: Any, bundle: Bundle) -> bool:
    value = mapped(condition["a"], bundle)
    kind, _, how = condition["o"].partition(":")
    if kind in ("exist", "notexist"):
        return (shown(value) != "") is (kind == "exist")
    other = mapped(condition["b"], bundle)
    if kind == "number":
        if value == "" or isinstance(value, dict):
            return False
        return bool(_COMPARE[how](float(value), float(other)))
    return bool(_COMPARE[how](shown(value), shown(other)))


_COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "equal": lambda a, b: a == b,
    "notequal": lambda a, b: a != b,
    "less": lambda a, b: a < b,
    "greaterorequal": lambda a, b: a >= b,
    "contain": lambda a, b: b in a,
    "notcontain": lambda a, b: b not in a,
}
