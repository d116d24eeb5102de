"""Canaries: every secret of a gateway has a value of its own, the gateway goes through every kind
of trouble, and then all that it ever said, wrote or sent is searched for each of them.

A real credential stands in the bytes to its own vendor and nowhere else; keys of ours are in the
answer that made them and in what their bearers send. In every form that an encoder may give them:
raw, base64 at any alignment, percent, hexadecimal, JSON.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import socket
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from gateway.settings import Secret
from gateway.vault.secrets import Kind, mint
from tests.house import ROOT, Answer, Gateway, GatewayEnded, VaultKey
from tests.pages import Visitor
from tests.speaker import INTENT, until

CANARIES: Final[Mapping[str, tuple[str, str]]] = {
    "STRIPE_MAIN": ("stripe", "sk_live_51CanaryStripeMain0aB3xYz"),
    "STRIPE_ACME": ("stripe", "rk_test_51CanaryStripeAcme9qW8eR"),
    "TWILIO_MAIN": ("twilio", "cafe0000111122223333444455556666"),
    "TWILIO_ACME": ("twilio", "CanaryTwilioKeySecretOfAcme01234"),
    "RESEND_MAIN": ("resend", "re_Canary01_ResendMain0123456789"),
    "RESEND_ACME": ("resend", "re_Canary02_ResendAcme9876543210"),
}
"""Of each vendor two: environment variable, vendor, value."""
ADMIN: Final = "kb_admin_canaryOfTheAdminKey0123456789"
LITERAL: Final = "sk_live_51CanaryWrittenIntoTheFile77"
MISTAKEN: Final = "pk_live_51CanaryOfAnotherKind000000"
SID: Final = "AC" + "1" * 32
OTHER_SID: Final = "AC" + "2" * 32
API_KEY_SID: Final = "SK" + "3" * 32
OURS: Final = {"gateway.toml", "stdout.log", "stderr.log", "fault.py"}
"""Files of the test's making; logs are searched like the others."""
FAULTY: Final = '''\
"""A gateway with a bug in it, which is met by a call that says so."""

from vendors.stripe import Stripe

settle = Stripe.settle


def broken(self, reading, quote, answer):
    if reading.fields.get("description") == "wake the bug":
        held = {"quote": quote, "answer": answer, "reading": reading}
        raise RuntimeError(f"a bug, planted: {reading.fields['metadata[k]']}")
    return settle(self, reading, quote, answer)


Stripe.settle = broken

from gateway.__main__ import main

raise SystemExit(main())
'''
MODES: Final = ("ok", "echo", "refuse", "fail", "half", "redirect", "close", "odd chunk")


@dataclass(slots=True)
class Listener:
    """A vendor that keeps every byte it gets, and echoes them as its mode has it."""

    mode: str = "ok"
    heard: bytes = b""
    url: str = ""
    _socket: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def start(self) -> None:
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                with peer:
                    self._answer(peer)

    def _answer(self, peer: socket.socket) -> None:
        """One request a connection: its head and, as it comes, its body."""
        got = b""
        while b"\r\n\r\n" not in got:
            if not (data := peer.recv(65_536)):
                return
            got += data
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        while len(body) < length:
            body += peer.recv(65_536)
        self.heard += head + b"\r\n\r\n" + body + b"\r\n"
        peer.sendall(_said(self.mode, head.partition(b"uthorization: ")[2].split(b"\r\n")[0]))


def _said(mode: str, worn: bytes) -> bytes:
    """worn: the Authorization that the vendor got."""
    echo = json.dumps({"error": {"message": worn.decode()}, "id": "pi_1", "told": worn.decode()})
    status = {"refuse": "401 Unauthorized", "fail": "500 Oops", "redirect": "302 Found"}
    head = f"HTTP/1.1 {status.get(mode, '200 OK')}\r\nConnection: close\r\nRequest-Id: req_"
    if mode == "close":
        return b""
    if mode == "odd chunk":
        return head.encode() + b"1\r\nTransfer-Encoding: chunked\r\n\r\n" + worn + b"\r\n"
    raw = head.encode() + (worn if mode != "ok" else b"1") + b"\r\n"
    raw += b"Location: /" + worn + b"\r\n" if mode == "redirect" else b""
    body = b'{"id": "pi_1"}' if mode == "ok" else echo.encode()
    raw += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    return raw[: len(raw) // 2] if mode == "half" else raw


@dataclass(slots=True)
class Scene:
    """A gateway and its vendors; said: all that it answered or printed."""

    gateway: Gateway
    vendors: dict[str, Listener]
    said: list[bytes] = field(default_factory=list)
    minted: list[str] = field(default_factory=list)

    def hear(self, *answers: Answer) -> None:
        self.said += [repr(answer.headers).encode() + answer.body for answer in answers]

    def run(self, *words: str) -> None:
        done = self.gateway.run(*words)
        self.said += [done.stdout.encode(), done.stderr.encode()]

    def ask(self, *words: str) -> None:
        """A command that asks the gateway over its admin side."""
        gateway = self.gateway
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *words],
            cwd=gateway.directory,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "KEYBRAKE_ADMIN_KEY": gateway.admin_key,
                "KEYBRAKE_URL": f"http://{gateway.address}",
            },
            capture_output=True,
            check=True,
        )
        self.said += [done.stdout, done.stderr]

    def key(self, vendor: str, account: str) -> VaultKey:
        endpoints = [f"{method} /**" for method in ("GET", "POST")]
        made = self.gateway.make_key(vendor=vendor, account=account, allowed_endpoints=endpoints)
        self.minted.append(made.secret)
        return made


def settings(vendors: Mapping[str, Listener], *, secret: str = "env:STRIPE_MAIN") -> str:
    return f"""
[server]
listen = "127.0.0.1:0"
[ledger]
shards = ["sqlite:books/ledger-0.db", "sqlite:books/ledger-1.db"]
audit = "sqlite:books/audit.db"
[log]
level = "debug"
[reconciler]
doubt_first_look_s = 0
calls_per_second_max = 1000
[vendors.stripe]
base_url = "{vendors["stripe"].url}"
[vendors.stripe.accounts.main]
secret = "{secret}"
[vendors.stripe.accounts.acme]
secret = "env:STRIPE_ACME"
[vendors.twilio]
base_url = "{vendors["twilio"].url}"
[vendors.twilio.accounts.main]
account_sid = "{SID}"
secret = "env:TWILIO_MAIN"
[vendors.twilio.accounts.acme]
account_sid = "{OTHER_SID}"
api_key_sid = "{API_KEY_SID}"
secret = "env:TWILIO_ACME"
[vendors.resend]
base_url = "{vendors["resend"].url}"
calls_per_second_max = 0
[vendors.resend.accounts.main]
secret = "env:RESEND_MAIN"
[vendors.resend.accounts.acme]
secret = "env:RESEND_ACME"
"""


@pytest.fixture
def vendors() -> Iterator[dict[str, Listener]]:
    made = {name: Listener() for name in ("stripe", "twilio", "resend")}
    for vendor in made.values():
        vendor.start()
    yield made
    for vendor in made.values():
        vendor.stop()


@pytest.fixture
def scene(vendors: dict[str, Listener], tmp_path: Path) -> Iterator[Scene]:
    env = {name: value for name, (_, value) in CANARIES.items()}
    env["COUNTERFEIT"] = MISTAKEN
    (tmp_path / "fault.py").write_text(FAULTY)
    gateway = Gateway(tmp_path, env, admin_key=ADMIN, program=(str(tmp_path / "fault.py"),))
    with gateway:
        yield Scene(gateway, vendors)


def test_each_credential_is_where_it_belongs_and_nowhere_else(scene: Scene) -> None:
    mistakes_at_the_start(scene)
    scene.gateway.begin(settings(scene.vendors))
    looks_from_outside(scene)
    keys = calls_in_every_mode(scene)
    what_callers_get_wrong(scene, keys)
    pages_and_figures(scene)
    commands(scene)
    reloads(scene)
    ends(scene)
    judge(scene)


def mistakes_at_the_start(scene: Scene) -> None:
    """Secrets in the file itself, where none belong too, and one of another kind: all are told at
    once, none is repeated."""
    text = settings(scene.vendors, secret=LITERAL).replace("env:STRIPE_ACME", "env:COUNTERFEIT")
    text = text.replace('"debug"', f'"{LITERAL}"').replace("env:RESEND_ACME", "file:nowhere")
    with pytest.raises(GatewayEnded):
        scene.gateway.begin(text.replace("[reconciler]", f'[reconciler]\nsecret = "{LITERAL}"'))
    scene.run("config", "check")
    assert len(scene.said[0]) + len(scene.said[1]) > 300, "all five mistakes"


def looks_from_outside(scene: Scene) -> None:
    """What another program of the machine sees of the process."""
    proc = Path(f"/proc/{scene.gateway.pid}")
    scene.said.append(proc.joinpath("cmdline").read_bytes())
    limits = proc.joinpath("limits").read_text()
    [core] = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    until(lambda: proc.joinpath("environ").stat().st_uid == 0)  # not its own user's to read


def calls_in_every_mode(scene: Scene) -> dict[tuple[str, str], VaultKey]:
    keys = {
        (vendor, account): scene.key(vendor, account)
        for vendor in scene.vendors
        for account in ("main", "acme")
    }
    for mode in MODES:
        for listener in scene.vendors.values():
            listener.mode = mode
        for (vendor, _), key in keys.items():
            scene.hear(write(scene, vendor, key), read(scene, vendor, key))
    return keys


def write(scene: Scene, vendor: str, key: VaultKey, reason: str = "") -> Answer:
    call = partial(scene.gateway.call, keybrake_reason=reason)
    if vendor == "stripe":
        return call(key, "POST", "/v1/payment_intents", form=INTENT)
    if vendor == "twilio":
        sid = key.record["account_sid"]
        form = {"To": "+14155550100", "From": "+15005550006", "Body": "Hi"}
        return call(key, "POST", f"/2010-04-01/Accounts/{sid}/Messages.json", form=form)
    mail = {"from": "s@example.com", "to": "a@example.com", "subject": "Hi", "text": "there"}
    return call(key, "POST", "/emails", json_body=mail)


def read(scene: Scene, vendor: str, key: VaultKey) -> Answer:
    path = {"stripe": "/v1/customers", "resend": "/domains"}.get(vendor)
    path = path or f"/2010-04-01/Accounts/{key.record['account_sid']}/Messages.json"
    return scene.gateway.call(key, "GET", path)


def what_callers_get_wrong(scene: Scene, keys: Mapping[tuple[str, str], VaultKey]) -> None:
    """Keys of all kinds in the wrong place, and a bug that they stand beside."""
    gateway, key = scene.gateway, keys["stripe", "main"]
    for vendor in scene.vendors.values():
        vendor.mode = "ok"
    wrong = [ADMIN, mint(Kind.VAULT), key.secret + "x", CANARIES["STRIPE_MAIN"][1]]
    for secret in wrong:
        scene.hear(
            gateway.call(secret, "GET", "/v1/customers"),
            gateway.request("GET", f"/nowhere/{secret}"),
            gateway.request("GET", f"/vault/keys/{secret}", admin=True),
            gateway.admin("GET", "/vault/keys", bearer=secret if secret != ADMIN else "x" * 30),
            gateway.call(key, "GET", f"/v1/customers/{key.secret}"),
            write(scene, "stripe", key, f"key {key.secret}"),
        )
    bug = {**INTENT, "description": "wake the bug", "metadata[k]": key.secret}
    answer = gateway.call(key, "POST", "/v1/payment_intents", form=bug)
    assert answer.error in ("internal", "request_malformed"), answer
    scene.hear(answer)
    planted = {**INTENT, "description": "wake the bug", "metadata[k]": CANARIES["STRIPE_ACME"][1]}
    answer = gateway.call(key, "POST", "/v1/payment_intents", form=planted)
    assert answer.error == "internal", answer
    scene.hear(answer)
    until(lambda: "a bug, planted" in gateway.said)


def pages_and_figures(scene: Scene) -> None:
    visitor, gateway = Visitor(scene.gateway), scene.gateway
    visitor.sign_in()
    seen = set()
    paths = ["", "/keys", "/calls", "/settings", "/issuers", "/runs", "/spend", "/vendors"]
    while paths:
        path = paths.pop()
        seen.add(path)
        page = visitor.get(path)
        scene.hear(page.answer)
        below = (link.partition("?")[0] for link in page.links if link.startswith("/dashboard/"))
        fresh = {link.removeprefix("/dashboard") for link in below} - seen - set(paths)
        paths += sorted(link for link in fresh if "/static/" not in link)[: 40 - len(seen)]
    assert len(seen) >= 12, seen
    for target in ("/metrics", "/readyz", "/healthz", "/openapi.json"):
        scene.hear(gateway.request("GET", target, admin=True))
    for target in ("calls", "calls/export?format=csv", "calls/export?format=ndjson", "keys",
                   "issuers", "runs", "in-doubt", "settings", "vendors", "spend"):  # fmt: skip
        scene.hear(gateway.admin("GET", f"/vault/{target}"))


def commands(scene: Scene) -> None:
    issuer = scene.gateway.admin(
        "POST",
        "/vault/issuers",
        {
            "daily_usd_cap": 5,
            "template": {"vendors": ["stripe"], "allowed_endpoints": ["GET /v1/**"],
                         "daily_usd_cap_max": 5},
        },
    ).json()  # fmt: skip
    scene.minted.append(issuer["key"])
    scene.run("doctor")
    scene.run("config", "show")
    scene.run("backup", "--with-key")
    scene.ask("calls", "export", "--output", "calls.ndjson")


def reloads(scene: Scene) -> None:
    """To settings that are refused, and back."""
    gateway = scene.gateway
    path = gateway.directory / "gateway.toml"
    good = path.read_text()
    for text in (settings(scene.vendors, secret=LITERAL), "[vendors", good):
        path.write_text(text)
        before = len(gateway.said)
        os.kill(gateway.pid, signal.SIGHUP)
        until(partial(_told_of_settings, gateway, before))


def _told_of_settings(gateway: Gateway, before: int) -> bool:
    return "settings" in gateway.said[before:].lower()


def ends(scene: Scene) -> None:
    """An abort that would leave a core, and SIGTERM."""
    gateway = scene.gateway
    os.kill(gateway.pid, signal.SIGABRT)
    assert gateway.wait() == -signal.SIGABRT
    assert not list(gateway.directory.rglob("core*"))
    gateway.restart()
    assert gateway.stop() == 0
    scene.run("ledger", "verify")


def judge(scene: Scene) -> None:
    directory = scene.gateway.directory
    files = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    written = {path: data for path, data in files.items() if path.name not in OURS}
    assert {"ledger-0.db", "audit.db", "calls.ndjson"} <= {path.name for path in written}
    logs = [data for path, data in files.items() if path.suffix == ".log"]
    everything = [*written.values(), *logs, *scene.said]
    for secret in (*(value for _, value in CANARIES.values()), ADMIN, *scene.minted):
        for form in forms_of(secret):
            for text in everything:
                assert form not in text, (secret, form, around(text, form))
    for secret in (LITERAL, MISTAKEN):
        for text in everything:
            assert secret.encode() not in text, (secret, around(text, secret.encode()))
    judge_vendors(scene)
    judge_modes(directory, written)


def judge_vendors(scene: Scene) -> None:
    """Each vendor got its own credentials, and nothing else that is secret."""
    for name, vendor in scene.vendors.items():
        for owner, secret in CANARIES.values():
            found = any(form in vendor.heard for form in forms_of(secret))
            planted = name == "stripe" and "StripeAcme" in secret
            assert found is (owner == name) or planted, (name, secret)
        for secret in (ADMIN, *scene.minted):
            for form in forms_of(secret):
                assert form not in vendor.heard, (name, secret)


def judge_modes(directory: Path, written: Mapping[Path, bytes]) -> None:
    """What the gateway made is its owner's alone."""
    for path in written:
        if path.name == "calls.ndjson":  # a person's own export, by that person's umask
            continue
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    folders = {folder for path in written for folder in path.parents if directory in folder.parents}
    assert folders
    for folder in folders:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def forms_of(secret: str) -> set[bytes]:
    """Of base64 what does not depend on its neighbours."""
    raw = secret.encode()
    coded = set()
    for before in range(3):
        text = base64.b64encode(bytes(before) + raw + b"\0" * ((-before - len(raw)) % 3))
        coded.add(text[4 if before else 0 : -4])
    return {
        raw,
        raw.hex().encode(),
        raw.hex().upper().encode(),
        raw.replace(b"_", b"%5F"),
        raw.replace(b"_", b"%5f"),
        raw.replace(b"_", rb"\u005f"),
        *coded,
        *(text.replace(b"+", b"-").replace(b"/", b"_") for text in coded),
    }


def around(text: bytes, form: bytes) -> bytes:
    at = text.index(form)
    return text[max(0, at - 200) : at + 100]


def test_a_secret_in_hand_shows_itself_to_no_traceback() -> None:
    secret = Secret(CANARIES["STRIPE_MAIN"][1])
    try:
        raise ValueError(f"{secret!r} {secret} {[secret]}")
    except ValueError as exc:
        told = "".join(
            traceback.TracebackException.from_exception(exc, capture_locals=True).format()
        )
    assert "[secret]" in told
    assert secret.reveal() not in told
    with pytest.raises(TypeError):
        pickle.dumps(secret)
