"""A vendor that is a package of its own: installed beside the gateway, nothing of which is touched.

`tests/acme_vendor` is installed as any package is, into a folder that the gateway's process finds;
a few lines of a fake Acme answer on loopback.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from tests.house import ROOT, Answer, Gateway, GatewayEnded, VaultKey

SECRET: Final = "acme_live_0123456789abcdef"
SETTINGS: Final = """
[vendors.acme]
base_url = "{url}"
{lines}
[vendors.acme.accounts.default]
secret = "env:ACME_KEY"
"""


@dataclass
class Fake:
    """An Acme. seen: (path, Authorization, body); prints: the pages that it says it printed, all
    that were asked for if None."""

    url: str = ""
    seen: list[tuple[str, str, Any]] = field(default_factory=list)
    prints: int | None = None


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package was installed into, from a copy: building writes beside it."""
    source = tmp_path_factory.mktemp("acme") / "acme_vendor"
    source.mkdir()
    for name in ("pyproject.toml", "acme_vendor.py"):
        (source / name).write_bytes((ROOT / "tests" / "acme_vendor" / name).read_bytes())
    target = source.parent / "site"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--no-input"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        *options,
        "--target",
        str(target),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return target


@pytest.fixture
def acme() -> Iterator[Fake]:
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.seen.append((self.path, self.headers["Authorization"], body))
            pages = int(body["pages"]) if fake.prints is None else fake.prints
            self._say({"id": f"let_{len(fake.seen)}", "pages": pages})

        def do_GET(self) -> None:
            fake.seen.append((self.path, self.headers["Authorization"], None))
            self._say({"letters": []})

        def _say(self, tree: Any) -> None:
            raw = json.dumps(tree).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


def start(directory: Path, installed: Path, url: str, lines: str = "", **env: str) -> Gateway:
    settings = SETTINGS.format(url=url, lines=lines)
    path = {"PYTHONPATH": f"{ROOT}:{installed}", "KEYBRAKE_PACKAGES": str(installed)}
    secrets = {"ACME_KEY": SECRET, **env}
    return Gateway.start(directory, "http://127.0.0.1:9", more=settings, env=path | secrets)


@pytest.fixture
def house(tmp_path: Path, installed: Path, acme: Fake) -> Iterator[Gateway]:
    with start(tmp_path, installed, acme.url) as running:
        yield running


def make_key(house: Gateway, **terms: Any) -> VaultKey:
    allowed = ["POST /letters", "GET /letters"]
    return house.make_key(vendor="acme", allowed_endpoints=allowed, **terms)


def post(house: Gateway, key: VaultKey, pages: Any = 3, to: str = "DE", **headers: Any) -> Answer:
    return house.call(key, "POST", "/letters", json_body={"to": to, "pages": pages}, **headers)


def test_a_letter_is_priced_held_posted_and_settled(house: Gateway, acme: Fake) -> None:
    key = make_key(house, daily_usd_cap=10)
    answer = post(house, key)
    assert (answer.status, answer.json()["id"]) == (200, "let_1")
    assert answer.headers["keybrake-cost-usd"] == "3.60"
    assert acme.seen == [("/letters", f"Bearer {SECRET}", {"to": "DE", "pages": 3})]
    acme.prints = 2
    assert post(house, key).headers["keybrake-cost-usd"] == "2.40", "its own answer says so"
    refused = post(house, key, pages=4)
    assert (refused.status, refused.error) == (429, "daily_cap_exceeded")
    assert house.record(key)["spent_usd"] == "6.00"
    assert len(acme.seen) == 2
    (row, *_) = house.ask("/vault/calls?vendor=acme&decision=allowed")["data"]
    assert (row["operation"], row["object_id"], row["cost_usd"]) == ("PostLetter", "let_2", "2.40")
    assert house.ask("/vault/spend?by=vendor&vendor=acme")["data"][0]["cost_usd"] == "6.00"


def test_ways_in_and_reads(house: Gateway, acme: Fake) -> None:
    key = make_key(house)
    headers = {"Authorization": f"Bearer {key.secret}"}
    assert house.request("GET", "/letters", headers=headers).status == 200, "its bare root"
    assert house.call(key, "GET", "/letters").status == 200
    assert [path for path, *_ in acme.seen] == ["/letters", "/letters"]
    assert house.record(key)["spent_usd"] == "0.00"


@pytest.mark.parametrize(
    ("letter", "status", "code"),
    [
        ({"pages": 0}, 422, "amount_unreadable"),
        ({"pages": "many"}, 422, "amount_unreadable"),
        ({"pages": 3.5}, 422, "amount_unreadable"),
        ({"to": "AQ"}, 403, "policy_refused"),
        ({"to": "US"}, 403, "policy_refused"),
    ],
)
def test_what_it_refuses(
    house: Gateway, acme: Fake, letter: dict[str, Any], status: int, code: str
) -> None:
    key = make_key(house, countries=["DE", "AQ"])
    answer = post(house, key, **letter)
    assert (answer.status, answer.error, acme.seen) == (status, code, [])


def test_terms_and_refusals_are_its_own(house: Gateway) -> None:
    body = {"vendor": "acme", "daily_usd_cap": 1, "allowed_endpoints": ["POST /letters"],
            "agent_run_label": "a/1", "currencies": ["usd"]}  # fmt: skip
    answer = house.admin("POST", "/vault/keys", body)
    assert answer.json()["errors"][0]["problem"] == "does not apply to acme, only to stripe"
    refused = post(house, make_key(house, daily_usd_cap=1), user_agent="acme-python/1")
    assert refused.json()["fault"]["code"] == "daily_cap_exceeded"


def test_a_quote(house: Gateway, acme: Fake) -> None:
    key = make_key(house, daily_usd_cap=10, countries=["DE"])
    call = {"method": "POST", "path": "/letters", "body": {"to": "US", "pages": 3}}
    answer = house.admin("POST", "/vault/quote", call, bearer=key.secret).json()
    assert (answer["allowed"], answer["quote_usd"]) == (False, "3.60")
    assert (answer["how"], answer["countries"]) == ("3 pages at 1.20 USD", ["US"])
    assert [row["rule"] for row in answer["rules"] if not row["pass"]] == ["country"]
    assert acme.seen == []


def test_a_retry_is_posted_under_the_same_key_and_counted_once(house: Gateway, acme: Fake) -> None:
    key = make_key(house)
    for _ in range(2):
        assert post(house, key, idempotency_key="mine").status == 200
    assert house.record(key)["spent_usd"] == "3.60"


def test_its_settings_are_checked_like_any(tmp_path: Path, installed: Path, acme: Fake) -> None:
    with pytest.raises(GatewayEnded) as ended:
        start(tmp_path, installed, acme.url, ACME_KEY="sk_live_of_another")
    assert "vendors.acme.accounts.default.secret: env:ACME_KEY: not a key of Acme's" in (
        ended.value.said
    )
    with pytest.raises(GatewayEnded) as ended:
        start(tmp_path, installed, acme.url, 'sandbox = "auto"', ACME_KEY="")
    assert "there is no sandbox of acme, so it needs real credentials: set ACME_KEY" in (
        ended.value.said
    )


def test_a_vendor_that_cannot_be_used_refuses_the_start_with_its_package(
    tmp_path: Path, installed: Path, acme: Fake
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "acme_vendor.py").write_text("ACME = object()\n")
    folders = f"{broken}:{installed}"
    env = {"PYTHONPATH": f"{ROOT}:{folders}", "KEYBRAKE_PACKAGES": folders}
    with pytest.raises(GatewayEnded) as ended:
        start(tmp_path, installed, acme.url, **env)
    assert ended.value.code == 2
    last = ended.value.said.splitlines()[-1]
    assert last.startswith("the vendor acme of acme-vendor 1.0 (acme_vendor:ACME) is no vendor: ")
    assert "name is missing" in last
