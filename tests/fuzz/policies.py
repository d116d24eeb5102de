"""What people and callers say to the gateway itself: settings, terms of keys, admin bodies, headers
about a run, paths and allowlists, addresses that balancers pass on."""

from __future__ import annotations

import ipaddress
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson

from gateway.admin.bodies import read_object, read_query, written
from gateway.call.runheaders import (
    NAMES,
    REASON_BYTES_MAX,
    STEP_CHARS_MAX,
    effective_label,
    read_run_headers,
)
from gateway.errors import EndpointNotAllowed, InvalidRequest, PolicyRefused, RequestMalformed
from gateway.http.trusted import Trusted
from gateway.run import log
from gateway.run.config import ConfigMistakes, load, show
from gateway.vault.allowlist import Allowlist, Entry
from gateway.vault.issuerreader import read_issuer_amendment, read_issuer_terms
from gateway.vault.issuers import Issuer
from gateway.vault.keys import Key
from gateway.vault.known import Known, KnownVendor
from gateway.vault.paths import canonical, is_canonical
from gateway.vault.records import issuer_note, key_note, read_issuer, read_key
from gateway.vault.secrets import find_in_text
from gateway.vault.termsreader import read_amendment, read_terms
from ledger import Note
from tests.fuzz.tape import Tape, Target
from vendors import VENDORS
from vendors.contract import MediaTypeRefused, Unreadable
from vendors.strict_json import read_json

_NOW_US = 1_790_000_000_000_000
_KNOWN: Known = {
    name: KnownVendor({"default", "acme"}, vendor.key_terms) for name, vendor in VENDORS.items()
}
_DIGEST = bytes(32)
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
_ROOT = Path(__file__).parents[2]


# ── bodies ──────────────────────────────────────────────────────────────────────────────────────


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        return read_object(data)
    except InvalidRequest as exc:
        orjson.dumps(exc.facts)
        return None


def admin_body(data: bytes) -> None:
    """Written again it reads the same; what the vendors' strict reader takes too is one tree."""
    tape = Tape(data)
    if tape.flag():
        _query(tape.rest().decode("latin-1"))
        return
    body = _object(tape.rest())
    if body is None:
        return
    again = written(body).encode()
    assert _object(again) == body
    try:
        theirs = read_json(tape.rest() or b"{}", fractions=True)
    except (Unreadable, MediaTypeRefused):
        return
    assert _as_text(body) == _as_text(theirs)


def _as_text(tree: Any) -> Any:
    """With numbers as text, as the vendors' reader has them."""
    if isinstance(tree, dict):
        return {name: _as_text(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_as_text(value) for value in tree]
    if isinstance(tree, bool) or tree is None:
        return tree
    return "0" if str(tree) == "-0" else str(tree)


def _query(text: str) -> None:
    try:
        found = read_query(text)
    except InvalidRequest as exc:
        orjson.dumps(exc.facts)
        return
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in found.items())


def terms(data: bytes) -> None:
    """A key, or an issuer and a key within its template; amended; and each record reads back."""
    tape = Tape(data)
    first, second, third = (_object(text) for text in tape.texts(3))
    if first is None:
        return
    try:
        if "template" in first:
            _issuer(first, second, third)
        else:
            _key(first, second)
    except (InvalidRequest, PolicyRefused) as exc:
        orjson.dumps(exc.facts)


def _key(
    body: Mapping[str, Any], changes: Mapping[str, Any] | None, by: Issuer | None = None
) -> None:
    made = read_terms(body, _KNOWN, "vk_1", _NOW_US, by)
    assert made.daily_cap_micros >= 0
    assert made.allowed.entries
    if by is not None:
        template = by.terms.template
        assert template.allowed.covers(made.allowed)
        assert made.daily_cap_micros <= template.daily_cap_micros_max
    _reads_back(Key(made, _DIGEST, 1))
    if changes is not None:
        amended, top_up = read_amendment(changes, made, _NOW_US)
        assert top_up is None or top_up.amount_micros > 0
        _reads_back(Key(amended, _DIGEST, 1))


def _reads_back(key: Key) -> None:
    note = key_note(key)
    assert read_key(note).terms == key.terms


def _issuer(
    body: Mapping[str, Any], changes: Mapping[str, Any] | None, key: Mapping[str, Any] | None
) -> None:
    made = read_issuer_terms(body, _KNOWN, "is_1", _NOW_US)
    issuer = Issuer(made, _DIGEST, 1)
    assert read_issuer(issuer_note(issuer)).terms == made
    if key is not None:
        _key(key, None, issuer)
    if changes is not None:
        amended = read_issuer_amendment(changes, _KNOWN, made)
        assert (
            read_issuer(Note("issuer", "is_1", issuer_note(issuer, amended).blob)).terms == amended
        )


# ── heads ───────────────────────────────────────────────────────────────────────────────────────


def run_headers(data: bytes) -> None:
    """Never longer than it may be, never a control character or a vault key on its way to disk."""
    texts = Tape(data).texts(len(NAMES))
    headers = {name: text for name, text in zip(NAMES, texts, strict=True) if text}
    try:
        said = read_run_headers(headers)
    except RequestMalformed:
        return
    effective_label("scenario/1", said.run).encode("ascii")
    for text in (said.run, said.step, said.reason, said.run_url):
        if text is not None:
            assert find_in_text(text.encode()) is None
            assert not any(ord(sign) < 32 and sign not in "\t\n" for sign in text)
    assert len(said.step or "") <= STEP_CHARS_MAX
    assert len((said.reason or "").encode()) <= REASON_BYTES_MAX
    assert (said.run_url or "http").startswith("http")


def paths(data: bytes) -> None:
    """A path that passes means one thing to everybody; an entry allows what it says."""
    path, entry, other = (text.decode("latin-1") for text in Tape(data).texts(3))
    plain = None
    try:
        plain = canonical(path)
    except EndpointNotAllowed as exc:
        orjson.dumps(exc.facts)
    if plain is not None:
        assert is_canonical(plain)
        assert canonical(plain) == plain == unquote(path)
        assert Allowlist.parse([f"GET {plain}"]).allows("GET", plain)
    try:
        parsed = Entry.parse(entry)
        listed = Allowlist.parse([entry])
        wide = Allowlist.parse([entry, other])
    except ValueError:
        return
    assert Entry.parse(str(parsed)) == parsed
    assert wide.covers(listed)
    if plain is not None:
        allowed = listed.allows(parsed.method, plain)
        assert allowed == _by_the_rules(parsed.segments, plain.split("/")[1:])
        assert wide.allows(parsed.method, plain) or not allowed


def _by_the_rules(pattern: tuple[str, ...], segments: list[str]) -> bool:
    if pattern[-1] == "**":
        head = len(pattern) - 1
        if len(segments) <= head:
            return False
        pattern, segments = pattern[:head], segments[:head]
    return len(pattern) == len(segments) and all(
        mine in ("*", theirs) for mine, theirs in zip(pattern, segments, strict=True)
    )


def forwarded(data: bytes) -> None:
    """Who is believed is an address, and never one left of a stranger."""
    trusted = Trusted(("10.0.0.0/8", "::1"))
    header = data.decode("latin-1").replace("\n", "").encode("latin-1")
    peer, _ = trusted.believed("10.0.0.1", {b"x-forwarded-for": header}, is_https=False)
    assert str(ipaddress.ip_address(peer.partition("%")[0])) == peer.partition("%")[0]
    stranger, _ = trusted.believed(
        "10.0.0.1", {b"x-forwarded-for": header + b", 192.0.2.7, 10.0.0.2"}, is_https=False
    )
    assert stranger == "192.0.2.7"


# ── settings ────────────────────────────────────────────────────────────────────────────────────


def config(data: bytes) -> None:
    """Settings, or all mistakes; no secret is in what is shown or said."""
    secret = "sk_live_51FuzzFuzzFuzzFuzzFuzzFuzz"
    file, listen, admin = Tape(data).texts(3)
    environ = {"STRIPE_SECRET_KEY": secret, "RESEND_API_KEY": "re_FuzzFuzzFuzzFuzz_FuzzFuzzFuzz"}
    if listen:
        environ["KEYBRAKE__SERVER__LISTEN"] = listen.decode("utf-8", "surrogateescape")
    if admin:
        environ["KEYBRAKE_ADMIN_KEY"] = admin.decode("utf-8", "surrogateescape")
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        path = Path(folder, "gateway.toml")
        path.write_bytes(file)
        assert secret not in _shown(path, environ)
    _forget_secrets()


def _forget_secrets() -> None:
    """A process reads its settings a few times and remembers what must not be said; here it would
    be a hundred thousand admin keys."""
    log._exact.clear()
    log._exact_form = None
    re.purge()


def _shown(path: Path, environ: Mapping[str, str]) -> str:
    """What `config show` says, or all that is wrong."""
    try:
        settings = load(path, environ, VENDORS)
    except ConfigMistakes as exc:
        return "\n".join(exc.mistakes)
    if any(vendor.prices_file for vendor in settings.vendors.values()):
        return repr(settings)  # such vendors would have to be furnished first
    return repr(show(settings, VENDORS))


TARGETS = (
    Target("adminbody", admin_body),
    Target("terms", terms),
    Target("runheaders", run_headers, 1_024),
    Target("paths", paths, 512),
    Target("forwarded", forwarded, 256),
    Target("config", config, 1_024),
)
