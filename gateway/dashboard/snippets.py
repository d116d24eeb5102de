"""Ready lines for a key: Make's two fields, and a call with curl, Python and Node.js.

The call is one that the key's own list allows, with a body where the words of `endpoints.json` have
an example. Each vendor's own SDK is used, pointed at this gateway; a vendor without one gets plain
HTTP. Every text that is put in is quoted for the language it lands in.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from gateway.dashboard.endpoints import Endpoint, endpoint_of
from vendors.contract import Vendor

STAND_IN: Final = "vault_key_…"
"""Where the secret is no longer known."""
LINE_CHARS: Final = 60
_NAMES: Final = ("ID", "OTHER_ID", "THIRD_ID")
_PY_NAMES: Final = {"from": "from_"}
_JSON_VENDORS: Final = frozenset({"resend"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One call. path: without wildcards. body: None for none; query where the method takes none."""

    vendor: str
    method: str
    path: str
    body: Any
    endpoint: Endpoint
    is_json: bool
    has_gaps: bool
    """Does the path have a stand-in that a person must replace?"""

    @property
    def is_read(self) -> bool:
        return self.method in ("GET", "HEAD", "DELETE")

    @property
    def target(self) -> str:
        """Path, and what a read asks for."""
        query = f"?{self.form}" if self.body and self.is_read else ""
        return f"{self.path}{query}"

    @property
    def form(self) -> str:
        return urlencode(_plain(self.body)) if self.body else ""

    @property
    def rows(self) -> Sequence[tuple[str, str]]:
        """The fields of the form, one by one."""
        return list(_plain(self.body).items()) if self.body else []

    @property
    def text(self) -> str:
        """The body, as it is sent."""
        if self.body is None or self.is_read:
            return ""
        return json.dumps(self.body, ensure_ascii=False) if self.is_json else self.form


@dataclass(frozen=True, slots=True)
class Snippet:
    name: str
    title: str
    text: str
    install: str = ""


def sample_of(
    vendor: Vendor | None, vendor_name: str, entries: Sequence[str], account_sid: str | None = None
) -> Sample:
    """What a key with this list is shown with: an example that has a body, else a whole path, else
    the first entry with its gaps named."""
    found = [endpoint_of(vendor, vendor_name, entry) for entry in entries]
    samples = [_sample(vendor_name, endpoint, account_sid) for endpoint in found]
    return min(samples, key=lambda it: (it.body is None, it.has_gaps))


def make_fields(sample: Sample, base_url: str, secret: str) -> Sequence[tuple[str, str]]:
    """The two fields of Make's HTTP module that change."""
    url = f"{base_url}/{sample.vendor}{sample.path}"
    return [("URL", url), ("Header: Authorization", f"Bearer {secret}")]


def snippets(
    sample: Sample, base_url: str, secret: str, account_sid: str | None = None
) -> Sequence[Snippet]:
    """curl, Python and Node.js."""
    told = _Told(sample, base_url, secret, account_sid or "")
    python, node = _SDKS.get(sample.vendor, (_python_plain, _node_plain))
    own = sample.vendor in _SDKS
    return [
        Snippet("curl", "curl", _curl(told)),
        Snippet("python", "Python", python(told), f"pip install {sample.vendor}" if own else ""),
        Snippet("node", "Node.js", node(told), f"npm install {sample.vendor}" if own else ""),
    ]


@dataclass(frozen=True, slots=True)
class _Told:
    sample: Sample
    base_url: str
    secret: str
    account_sid: str

    @property
    def base(self) -> str:
        return f"{self.base_url}/{self.sample.vendor}"

    @property
    def url(self) -> str:
        return f"{self.base}{self.sample.target}"


def _sample(vendor_name: str, endpoint: Endpoint, account_sid: str | None) -> Sample:
    method, _, path = endpoint.entry.partition(" ")
    names, segments = list(_NAMES), path.split("/")
    gaps = False
    for place, part in enumerate(segments):
        if part not in ("*", "**"):
            continue
        if account_sid and segments[place - 1] == "Accounts":
            segments[place] = account_sid
        else:
            segments[place], gaps = names.pop(0) if names else "ID", True
    is_json = vendor_name in _JSON_VENDORS
    return Sample(vendor_name, method, "/".join(segments), endpoint.body, endpoint, is_json, gaps)


def _curl(told: _Told) -> str:
    sample = told.sample
    pieces = [f"curl {shlex.quote(told.url)}"]
    if sample.method not in ("GET", "POST") or (sample.method == "POST" and not sample.text):
        pieces[0] = f"curl -X {sample.method} {shlex.quote(told.url)}"
    pieces.append(f"-H {shlex.quote(f'Authorization: Bearer {told.secret}')}")
    if sample.text and sample.is_json:
        pieces += [f"-H {shlex.quote('Content-Type: application/json')}"]
        pieces += [f"-d {shlex.quote(sample.text)}"]
    elif sample.text:
        pairs = _plain(sample.body).items()
        pieces += [f"--data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in pairs]
    return " \\\n  ".join(pieces)


# -- Stripe ----------------------------------------------------------------------------------------


def _python_stripe(told: _Told) -> str:
    sample = told.sample
    if sample.endpoint.python:
        call = f"client.{sample.endpoint.python}({_py(sample.body)})"
    else:
        method, path = _py(sample.method.lower()), _py(sample.path)
        more = f", **{_py(sample.body)}" if sample.body else ""
        call = f"client.raw_request({method}, {path}{more})"
    return f"""import stripe

base = {_py(told.base)}
client = stripe.StripeClient(
    {_py(told.secret)},
    base_addresses={{
        "api": base,
        "files": base + "/files",
        "connect": base + "/connect",
        "meter_events": base + "/meter-events",
    }},
)
print({call})
"""


def _node_stripe(told: _Told) -> str:
    """The SDK takes no base path: it speaks to the bare /v1, and the key tells the vendor."""
    sample, address = told.sample, urlsplit(told.base_url)
    port = address.port or (443 if address.scheme == "https" else 80)
    config = {"host": address.hostname or "", "port": port, "protocol": address.scheme}
    if sample.endpoint.node:
        call = f"stripe.{sample.endpoint.node}({_js(sample.body)})"
    else:
        more = f", {_js(sample.body)}" if sample.body else ""
        call = f"stripe.rawRequest({_js(sample.method)}, {_js(sample.path)}{more})"
    return f"""import Stripe from "stripe";

const stripe = new Stripe(
  {_js(told.secret)},
  {_js(config)},
);
console.log(await {call});
"""


# -- Twilio ----------------------------------------------------------------------------------------


def _python_twilio(told: _Told) -> str:
    sample = told.sample
    if sample.endpoint.python:
        pairs = ((_snake(name), value) for name, value in sample.body.items())
        fields = [f"{_PY_NAMES.get(name, name)}={_py(value)}" for name, value in pairs]
        call = f"client.{sample.endpoint.python}{_laid('(', fields, ')')}.sid"
    else:
        data = f", data={_py(sample.body)}" if sample.text else ""
        call = f"client.request({_py(sample.method)}, {_py(told.url)}{data}).text"
    return f"""from twilio.rest import Client

client = Client({_py(told.account_sid)}, {_py(told.secret)})
client.api.base_url = {_py(told.base)}
print({call})
"""


def _node_twilio(told: _Told) -> str:
    sample = told.sample
    if sample.endpoint.node:
        fields = {_camel(name): value for name, value in sample.body.items()}
        call = f"(await client.{sample.endpoint.node}({_js(fields)})).sid"
    else:
        request = {"method": sample.method.lower(), "uri": told.url}
        request |= {"data": sample.body} if sample.text else {}
        call = f"(await client.request({_js(request)})).body"
    return f"""import twilio from "twilio";

const client = twilio({_js(told.account_sid)}, {_js(told.secret)});
client.api.baseUrl = {_js(told.base)};
console.log({call});
"""


# -- Resend ----------------------------------------------------------------------------------------


def _python_resend(told: _Told) -> str:
    sample = told.sample
    if sample.endpoint.python:
        call = f"resend.{sample.endpoint.python}({_py(sample.body)})"
    else:
        verb = sample.method.lower()
        body = _py(sample.body if sample.text else {})
        call = (
            f"resend.Request(path={_py(sample.target)}, params={body}, verb={_py(verb)}).perform()"
        )
    return f"""import resend

resend.api_url = {_py(told.base)}
resend.api_key = {_py(told.secret)}
print({call})
"""


def _node_resend(told: _Told) -> str:
    sample = told.sample
    if sample.endpoint.node:
        call = f"resend.{sample.endpoint.node}({_js(sample.body)})"
    else:
        body = f", {_js(sample.body)}" if sample.text else ""
        call = f"resend.{sample.method.lower()}({_js(sample.target)}{body})"
    return f"""import {{ Resend }} from "resend";

const resend = new Resend({_js(told.secret)}, {{ baseUrl: {_js(told.base)} }});
console.log(await {call});
"""


# -- any other vendor ------------------------------------------------------------------------------


def _python_plain(told: _Told) -> str:
    return f"""from urllib.request import Request, urlopen

headers = {_py({"Authorization": f"Bearer {told.secret}"})}
with urlopen(Request({_py(told.url)}, method={_py(told.sample.method)}, headers=headers)) as answer:
    print(answer.read().decode())
"""


def _node_plain(told: _Told) -> str:
    options = {"method": told.sample.method, "headers": {"Authorization": f"Bearer {told.secret}"}}
    return f"""const answer = await fetch({_js(told.url)}, {_js(options)});
console.log(await answer.text());
"""


_Write = Callable[[_Told], str]
_SDKS: Final[Mapping[str, tuple[_Write, _Write]]] = {
    "stripe": (_python_stripe, _node_stripe),
    "twilio": (_python_twilio, _node_twilio),
    "resend": (_python_resend, _node_resend),
}
"""Each package is called what its vendor is, on PyPI and on npm."""


# -- texts in other languages ----------------------------------------------------------------------


def _plain(body: Mapping[str, Any]) -> dict[str, str]:
    """As a form writes values: `true`, not `True`."""
    return {
        name: json.dumps(value) if isinstance(value, bool) else str(value)
        for name, value in body.items()
    }


def _py(value: Any) -> str:
    """A literal of Python, with double quotes as people write them."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return _laid("{", [f"{_py(name)}: {_py(item)}" for name, item in value.items()], "}")
    if isinstance(value, list):
        return _laid("[", [_py(item) for item in value], "]")
    return "{}" if value is None else repr(value)


def _js(value: Any) -> str:
    """A literal of JavaScript."""
    if isinstance(value, Mapping):
        pairs = [f"{_js_name(name)}: {_js(item)}" for name, item in value.items()]
        return _laid("{ ", pairs, " }", 2)
    if isinstance(value, list):
        return _laid("[", [_js(item) for item in value], "]", 2)
    return "{}" if value is None else json.dumps(value, ensure_ascii=False)


def _js_name(name: str) -> str:
    return name if name.isidentifier() else json.dumps(name)


def _laid(opening: str, items: Sequence[str], closing: str, indent: int = 4) -> str:
    """On one line while it is short, else an item a line."""
    short = f"{opening}{', '.join(items)}{closing}"
    if len(short) <= LINE_CHARS or len(items) < 2:
        return short
    margin = " " * indent
    inner = "".join(f"{margin}{item},\n".replace("\n", f"\n{margin}")[:-indent] for item in items)
    return f"{opening.strip()}\n{inner}{closing.strip()}"


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]
