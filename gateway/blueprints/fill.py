"""A blueprint, filled in for one key: Make.com imports it and asks for nothing but connections.

The files beside this one can be imported as they are. What differs from gateway to gateway stands
in them as three names, and is put in here: where the gateway is, the scenario that a run label
begins with, and a Twilio account. A value becomes a piece of text that Make evaluates, so nothing
that Make would take for an expression is put in. Pure, but for reading its own files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal

import orjson

GATEWAY: Final = "https://gateway.example.com"
SCENARIO: Final = "make-billing-scenario"
ACCOUNT_SID: Final = "YOUR_ACCOUNT_SID"
"""What stands in the files."""
VAULT: Final = f"{GATEWAY}/vault/"

Needs = Literal["vault key", "issuer key", "admin key"]


class Unfit(ValueError):
    """Something that cannot be put into this blueprint. One sentence for people."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One file. shows: what it is an example of, in a sentence. vendors: whose calls it makes.
    needs: the key that is put into Make's keychain for it."""

    name: str
    title: str
    shows: str
    vendors: tuple[str, ...]
    needs: Needs = "vault key"


_ALL: Final = (
    Blueprint(
        "per_scenario_key",
        "Charge, with a key per scenario",
        "An AI decides what an order costs; the key's caps decide whether it is charged.",
        ("stripe",),
    ),
    Blueprint(
        "per_run_key",
        "Charge, with a key per run",
        "Each run makes a key of its own, for 15 minutes and 25 USD, and revokes it at its end.",
        ("stripe",),
        needs="issuer key",
    ),
    Blueprint(
        "sms_with_message_cap",
        "Texts by AI, with a message cap",
        "An AI writes text messages; the key counts them, and says to which countries.",
        ("twilio",),
    ),
    Blueprint(
        "mail_with_cap",
        "Mails by AI, with a recipient cap",
        "An AI writes e-mails; its text is made JSON by a module, so that it stays text.",
        ("resend",),
    ),
    Blueprint(
        "error_route",
        "Errors on, and an error route",
        "The HTTP module fails where the call does, and an error route tells the cases apart.",
        ("stripe",),
    ),
    Blueprint(
        "slack_alert",
        "Tell Slack when a call is blocked",
        "What a refusal says, as a message to the team.",
        ("stripe",),
    ),
    Blueprint(
        "kill_switch",
        "Stop every run of a scenario",
        "A webhook that revokes all runs of a scenario, calls on their way included.",
        (),
        needs="admin key",
    ),
)


def catalogue() -> Sequence[Blueprint]:
    """All of them, the simplest first."""
    return _ALL


def fill(
    name: str,
    *,
    base_url: str,
    label: str | None = None,
    path: str | None = None,
    account_sid: str | None = None,
    key: str | None = None,
    terms: Mapping[str, str | int] | None = None,
) -> bytes:
    """A blueprint's file, for one gateway and one key.

    base_url: as the record of a new key tells it. label: the key's run label; the scenario gets
    the name before its last '/'. path: what is called at the vendor, in place of the blueprint's
    own path; no `*`. account_sid: the alias in a Twilio key's record. terms: what the key of a run
    asks for, in place of the blueprint's own figures.

    key: a vault key's secret, written into the file. Leave it out unless a person asks: blueprints
    are shared, mailed and pasted into chats, and who has the file then has the key. Without it the
    imported modules ask for an entry of Make's keychain, which never leaves Make.

    Raises KeyError for a name that is not in the catalogue, and Unfit.
    """
    blueprint = next((found for found in _ALL if found.name == name), None)
    if blueprint is None:
        raise KeyError(name)
    tree = orjson.loads(files(__package__).joinpath(f"{name}.json").read_bytes())
    calls = [module for module in _modules(tree["flow"]) if _calls_a_vendor(module)]
    if path is not None:
        _set_path(calls, blueprint, path)
    if key is not None:
        _set_key(calls, blueprint, key)
    if terms is not None:
        _set_terms(tree["flow"], terms)
    scenario = None if label is None else _scenario_of(label)
    names = {GATEWAY: _address(base_url), SCENARIO: scenario, ACCOUNT_SID: account_sid}
    filled = _put_in(tree, {old: _plain(new) for old, new in names.items() if new is not None})
    filled["name"] = scenario or filled["name"]
    return orjson.dumps(filled, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _scenario_of(label: str) -> str:
    """`make-billing-scenario/8f31` -> `make-billing-scenario`; without a '/' it is the scenario."""
    scenario, slash, _ = label.rpartition("/")
    return scenario if slash else label


def _address(base_url: str) -> str:
    if not base_url.startswith(("https://", "http://")):
        raise Unfit("A gateway's address begins with https:// or http://.")
    return base_url.rstrip("/")


def _plain(text: str) -> str:
    if "{{" in text or "}}" in text or not text.isprintable():
        raise Unfit("Make would take a part of this for an expression of its own.")
    return text


def _modules(flow: Sequence[Any]) -> Iterator[Any]:
    """Every module, those on routes and error routes too, as the canvas is read."""
    for module in flow:
        yield module
        yield from _modules(module.get("onerror", ()))
        for route in module.get("routes", ()):
            yield from _modules(route["flow"])


def _calls_a_vendor(module: Any) -> bool:
    url = (module["mapper"] or {}).get("url", "")
    return url.startswith(f"{GATEWAY}/") and not url.startswith(VAULT)


def _set_path(calls: Sequence[Any], blueprint: Blueprint, path: str) -> None:
    if not path.startswith("/") or "*" in path:
        raise Unfit("A path begins with '/' and has no '*' in it.")
    if not calls:
        raise Unfit("This blueprint calls no vendor.")
    for module in calls:
        module["mapper"]["url"] = f"{GATEWAY}/{blueprint.vendors[0]}{_plain(path)}"


def _set_key(calls: Sequence[Any], blueprint: Blueprint, key: str) -> None:
    """In place of an entry of the keychain: a header, which everybody with the file can read."""
    if blueprint.needs != "vault key":
        raise Unfit(f"This blueprint works with an {blueprint.needs}, which stays in the keychain.")
    header = {"name": "Authorization", "value": f"Bearer {_plain(key)}"}
    for module in calls:
        module["parameters"]["authenticationType"] = "noAuth"
        module["mapper"]["headers"].insert(0, header)
        shown = module["metadata"]
        shown["restore"]["parameters"]["authenticationType"] = {"label": "No authentication"}
        shown["restore"]["expect"]["headers"]["items"].append(None)
        shown["parameters"] = [it for it in shown["parameters"] if it["name"] != "apiKeyKeychain"]


def _set_terms(flow: Sequence[Any], terms: Mapping[str, str | int]) -> None:
    asking = [it for it in _modules(flow) if (it["mapper"] or {}).get("url") == f"{VAULT}keys"]
    if not asking:
        raise Unfit("This blueprint makes no key.")
    for module in asking:
        body = orjson.loads(module["mapper"]["jsonStringBodyContent"])
        body |= {n: _plain(v) if isinstance(v, str) else v for n, v in terms.items()}
        text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
        module["mapper"]["jsonStringBodyContent"] = text


def _put_in(tree: Any, names: dict[str, str]) -> Any:
    """Every text with the names replaced. A body of JSON takes them as the inside of a string."""

    def walk(value: Any, dress: Callable[[str], str] = str) -> Any:
        if isinstance(value, str):
            for old, new in names.items():
                value = value.replace(old, dress(new))
            return value
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, dict):
            return {
                name: walk(item, _in_json if name == "jsonStringBodyContent" else str)
                for name, item in value.items()
            }
        return value

    return walk(tree)


def _in_json(text: str) -> str:
    return orjson.dumps(text).decode()[1:-1]
