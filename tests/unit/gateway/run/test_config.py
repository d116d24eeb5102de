"""Settings from file and environment: what is right is read, what is wrong is told all at once."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.run import config, modules
from gateway.run.config import ConfigMistakes
from gateway.settings import ServerSettings, Settings, VendorSettings
from tests.certificates import CERT, OTHER
from tests.certificates import KEY as KEY_FILE
from tests.unit.gateway.run.pretended import RESEND, STRIPE, TWILIO
from vendors.contract import Vendor

Load = Callable[..., Settings]

SHIPPED = Path(__file__).parents[4] / "gateway.toml"
LIVE = """
[vendors.stripe.accounts.default]
secret = "env:STRIPE_SECRET_KEY"
"""
KEY = "sk_live_0123456789abcdef"

pytestmark = pytest.mark.usefixtures("no_secrets")


def mistakes(load: Load, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigMistakes) as caught:
        load(text, **environ)
    return list(caught.value.mistakes)


# ── what is right ───────────────────────────────────────────────────────────────────────────────


def test_a_secret_comes_from_the_environment_and_shows_itself_to_nobody(load: Load) -> None:
    settings = load(LIVE, STRIPE_SECRET_KEY=KEY)
    stripe = settings.vendors["stripe"]
    assert stripe.accounts["default"].secret.reveal() == KEY
    assert not stripe.sandbox
    assert KEY not in repr(settings)
    assert stripe.hosts == {
        "files": "https://files.stripe.com",
        "connect": "https://connect.stripe.com",
    }


def test_a_secret_comes_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    settings = load(f'[vendors.stripe.accounts.acme]\nsecret = "file:{tmp_path}/key"\n')
    assert settings.vendors["stripe"].accounts["acme"].secret.reveal() == KEY


def test_where_secrets_lie_is_told_by_who_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        '[vendors.stripe.accounts]\ndefault.secret = "file:a"\nacme.secret = "env:ACME"\n'
        '[vendors.twilio.accounts.default]\naccount_sid = "file:sid"\nsecret = "file:b"\n'
    )
    environ = {
        "KEYBRAKE__VENDORS__TWILIO__ACCOUNTS__DEFAULT__SECRET": "file:c",
        "KEYBRAKE_ADMIN_KEY_FILE": "d",
    }
    told = {
        "vendors.stripe.accounts.default.secret": "a",
        "vendors.twilio.accounts.default.secret": "c",
        "KEYBRAKE_ADMIN_KEY_FILE": "d",
    }
    assert config.secret_files(file, environ) == told
    monkeypatch.chdir(tmp_path)
    assert config.secret_files(None, environ) == told
    file.unlink()
    assert config.secret_files(None, {}) == {}


def test_the_environment_wins_over_the_file_and_is_named_as_origin(load: Load) -> None:
    text = '[server]\nlisten = "127.0.0.1:1"\nheaders_max = 32\n'
    settings = load(text, KEYBRAKE__SERVER__LISTEN="127.0.0.1:2")
    assert settings.server.listen == "127.0.0.1:2"
    assert settings.origins["server.listen"] == "KEYBRAKE__SERVER__LISTEN"
    assert settings.origins["server.headers_max"] == "gateway.toml:3"
    assert "server.head_bytes_max" not in settings.origins


def test_the_environment_gives_every_type(load: Load) -> None:
    settings = load(
        "",
        KEYBRAKE__LEDGER__SHARDS="sqlite:a.db, sqlite:b.db",
        KEYBRAKE__SERVER__HEADERS_MAX="99",
        KEYBRAKE__SERVER__IDLE_TIMEOUT_S="1.5",
        KEYBRAKE__SERVER__HOST_ROUTES="pay.example.com=stripe,up.example.com=stripe/files",
        KEYBRAKE__VENDORS__STRIPE__ALLOW_PLAIN_HTTP="yes",
        KEYBRAKE__VENDORS__STRIPE__SANDBOX="true",
        KEYBRAKE__VENDORS__STRIPE__HOSTS__FILES="http://files.example.com",
    )
    assert settings.ledger.shards == ("sqlite:a.db", "sqlite:b.db")
    assert settings.server.headers_max == 99
    assert settings.server.idle_timeout_s == 1.5
    assert settings.server.host_routes["up.example.com"] == "stripe/files"
    assert settings.vendors["stripe"].allow_plain_http
    assert settings.vendors["stripe"].hosts["files"] == "http://files.example.com"


def test_another_base_url_takes_the_other_hosts_with_it(load: Load) -> None:
    text = '[vendors.stripe]\nbase_url = "http://127.0.0.1:9/x"\nhosts.files = "https://up.example.com"\n'
    hosts = load(text + LIVE, STRIPE_SECRET_KEY=KEY).vendors["stripe"].hosts
    assert hosts == {"files": "https://up.example.com", "connect": "http://127.0.0.1:9/x/connect"}


def test_host_names_need_no_quotes(load: Load) -> None:
    settings = load(
        '[server.host_routes]\npay.example.com = "stripe"\n"b.example.com" = "stripe"\n'
    )
    assert settings.server.host_routes == {"pay.example.com": "stripe", "b.example.com": "stripe"}


@pytest.mark.parametrize("text", ["", "[server]\nheaders_max = 32\n"])
def test_without_a_vendor_in_the_file_stripe_is_there(load: Load, text: str) -> None:
    assert load(text).vendors["stripe"].sandbox
    settings = load(text, STRIPE_SECRET_KEY=KEY)
    assert not settings.vendors["stripe"].sandbox
    assert settings.vendors["stripe"].accounts["default"].secret.reveal() == KEY


def test_no_file_is_a_file_without_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: Mapping[str, Vendor]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.load(None, {}, known).server == ServerSettings()
    (tmp_path / "gateway.toml").write_text("[server]\nheaders_max = 33\n")
    assert config.load(None, {}, known).server.headers_max == 33


# ── the sandbox ─────────────────────────────────────────────────────────────────────────────────


def test_auto_means_sandbox_only_while_no_secret_is_there(load: Load) -> None:
    text = '[vendors.stripe]\nsandbox = "auto"\n' + LIVE
    assert load(text).vendors["stripe"].sandbox
    assert load(text, STRIPE_SECRET_KEY="").vendors["stripe"].sandbox
    assert not load(text, STRIPE_SECRET_KEY=KEY).vendors["stripe"].sandbox


def test_auto_with_half_of_the_secrets_is_a_mistake(load: Load) -> None:
    text = '[vendors.stripe]\nsandbox = "auto"\n' + LIVE
    text += '[vendors.stripe.accounts.acme]\nsecret = "env:ACME_KEY"\n'
    assert mistakes(load, text, STRIPE_SECRET_KEY=KEY) == [
        "gateway.toml:7: vendors.stripe.accounts.acme.secret: "
        "the environment variable ACME_KEY is not set"
    ]


def test_without_auto_a_missing_secret_is_a_mistake(load: Load) -> None:
    (mistake,) = mistakes(load, LIVE)
    assert "STRIPE_SECRET_KEY is not set" in mistake


def test_a_sandbox_keeps_its_account_names_and_takes_no_real_secret(load: Load) -> None:
    text = "[vendors.stripe]\nsandbox = true\n" + LIVE
    accounts = load(text, STRIPE_SECRET_KEY=KEY).vendors["stripe"].accounts
    assert accounts["default"].secret.reveal() == STRIPE.sandbox_credential.secret
    assert set(load("[vendors.stripe]\nsandbox = true\n").vendors["stripe"].accounts) == {"default"}


# ── what is wrong ───────────────────────────────────────────────────────────────────────────────


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(load: Load) -> None:
    text = """[server]
lisen = "127.0.0.1:8080"
headers_max = "many"
head_timeout_s = 0
priced_body_bytes_max = 1.5

[ledger]
shards = ["sqlite:a.db", "sqlite:a.db"]
synchronous = "OFF"

[sever]

[vendors.strip]
base_url = "x"
[vendors.stripe]
base_url = "http://api.example.com"
[vendors.stripe.accounts.default]
secret = "sk_live_0123456789abcdef"
"""
    found = mistakes(load, text, KEYBRAKE__LOG__LEVLE="info")
    assert found == [
        "gateway.toml:2: server.lisen: unknown setting (did you mean listen?)",
        "gateway.toml:3: server.headers_max: must be a whole number, not a text",
        "gateway.toml:4: server.head_timeout_s: 0 is not between 0.1 and 600",
        "gateway.toml:5: server.priced_body_bytes_max: must be a whole number, not a number",
        "gateway.toml:8: ledger.shards: names the same file twice",
        "gateway.toml:9: ledger.synchronous: must be FULL or NORMAL",
        "gateway.toml:11: sever: unknown setting (did you mean server?)",
        "gateway.toml:14: vendors.strip: unknown vendor (did you mean stripe?)",
        "gateway.toml:16: vendors.stripe.base_url: plain http goes to loopback only; "
        "use https, or set allow_plain_http for this vendor",
        "gateway.toml:18: vendors.stripe.accounts.default.secret: "
        'must be "env:NAME" or "file:PATH": a secret itself never stands in the settings',
        "KEYBRAKE__LOG__LEVLE: log.levle: unknown setting (did you mean level?)",
    ]


@pytest.mark.parametrize(
    "wrong", ['"sk_live_0123456789"', '"env:sk_live_0123456789"', '"env:"', '"file:"', "7", "{}"]
)
def test_a_literal_secret_is_named_and_never_shown(load: Load, wrong: str) -> None:
    found = mistakes(load, f"[vendors.stripe.accounts.default]\nsecret = {wrong}\n")
    assert found[0].startswith("gateway.toml:2: vendors.stripe.accounts.default.secret: ")
    assert "0123456789" not in "".join(found)


def test_a_secret_of_the_wrong_form_is_not_shown(load: Load) -> None:
    (mistake,) = mistakes(load, LIVE, STRIPE_SECRET_KEY="pk_live_publishable")
    assert mistake.endswith("env:STRIPE_SECRET_KEY: must begin with sk_ or rk_")
    (mistake,) = mistakes(load, LIVE, STRIPE_SECRET_KEY="sk_live_two words")
    assert mistake.endswith("must be one line of printable ASCII without spaces")


def test_a_secret_file_that_cannot_be_used(load: Load, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, why in [("none", "cannot be read"), ("empty", "is empty"), ("binary", "is not text")]:
        text = f'[vendors.stripe.accounts.default]\nsecret = "file:{tmp_path}/{name}"\n'
        (mistake,) = mistakes(load, '[vendors.stripe]\nsandbox = "auto"\n' + text)
        assert why in mistake


def test_nobody_means_the_table_that_a_mistake_stands_in(load: Load) -> None:
    (mistake,) = mistakes(load, LIVE + "\nx = 1\n", STRIPE_SECRET_KEY=KEY)
    assert mistake.endswith("accounts.default.x: unknown setting")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[vendors.stripe]\nsandbox = "maybe"\n' + LIVE, 'must be true, false or "auto"'),
        ("[vendors.stripe]\nsandbox = 1\n" + LIVE, 'must be true, false or "auto"'),
        ("[vendors.stripe]\n", "needs an account"),
        ("[vendors.stripe.accounts.default]\n", "secret: is missing"),
        ('[vendors.stripe.accounts]\ndefault = "sk_live_1234567"\n', "must be a table"),
        ('[vendors]\nstripe = "sk_live_1234567"\n', "must be a table"),
        ('[vendors.stripe]\nhosts.fils = "https://a.example.com"\n' + LIVE, "did you mean files?"),
        ('[vendors.stripe]\nhosts.files = "http://a.example.com"\n' + LIVE, "loopback only"),
        ('[server.host_routes]\n"a.example.com" = "paypal"\n', "paypal is no vendor"),
        ('[server.host_routes]\n"a.example.com" = "stripe/nothing"\n', "is no vendor"),
        ('[server.host_routes]\n"a.example.com" = 1\n', "must be a text in quotes"),
        ('[server]\nadmin_listen = "127.0.0.1:8080"\n', "same address"),
        ("[ledger]\nstall_exit_s = 1\n", "must not be shorter"),
        ('server = "127.0.0.1:8080"\n', "must be a table: [server]"),
        ("[server]\nlisten = 2026-01-01\n", "not a date or time"),
    ],
)
def test_single_mistakes(load: Load, text: str, why: str) -> None:
    found = mistakes(load, text, STRIPE_SECRET_KEY=KEY)
    assert any(why in mistake for mistake in found), found
    assert "1234567" not in "".join(found)


def test_a_file_that_is_not_toml_names_its_line(load: Load) -> None:
    (mistake,) = mistakes(load, '[server]\nlisten = "127.0.0.1:8080\n')
    assert mistake.startswith("gateway.toml:2: not TOML: ")


def test_a_file_that_toml_s_reader_gives_up_on_says_so(load: Load) -> None:
    for text in (f"a = {'7' * 5_000}", f"a = {'[' * 5_000}"):
        (mistake,) = mistakes(load, text)
        assert mistake.startswith("gateway.toml: cannot be read: ")


def test_files_that_cannot_be_read(tmp_path: Path, known: Mapping[str, Vendor]) -> None:
    (tmp_path / "latin.toml").write_bytes(b"# \xe4\n")
    for name, why in [("none.toml", "cannot be read"), ("latin.toml", "is not UTF-8")]:
        with pytest.raises(ConfigMistakes, match=why):
            config.load(tmp_path / name, {}, known)


# ── the admin key ───────────────────────────────────────────────────────────────────────────────


def test_the_admin_key_comes_from_the_environment_or_a_file(load: Load, tmp_path: Path) -> None:
    key = "any string of 24 or more".replace(" ", "-")
    (tmp_path / "admin").write_text(key + "\n")
    direct = load("", KEYBRAKE_ADMIN_KEY=key)
    filed = load("", KEYBRAKE_ADMIN_KEY_FILE=str(tmp_path / "admin"))
    assert direct.admin_key is not None
    assert filed.admin_key is not None
    assert direct.admin_key.reveal() == filed.admin_key.reveal() == key
    assert load("").admin_key is None


@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"KEYBRAKE_ADMIN_KEY": "short"}, "24 or more characters"),
        ({"KEYBRAKE_ADMIN_KEY": ""}, "24 or more characters"),
        ({"KEYBRAKE_ADMIN_KEY": "with spaces in it, but long"}, "without spaces"),
        ({"KEYBRAKE_ADMIN_KEY_FILE": "/nowhere/at/all"}, "cannot be read"),
        ({"KEYBRAKE_ADMIN_KEY": "k" * 24, "KEYBRAKE_ADMIN_KEY_FILE": "/x"}, "which of them"),
    ],
)
def test_an_admin_key_that_cannot_be_used(load: Load, environ: dict[str, str], why: str) -> None:
    found = mistakes(load, "", **environ)
    assert any(why in mistake for mistake in found)


# ── showing ─────────────────────────────────────────────────────────────────────────────────────


def test_everything_in_force_is_shown_with_its_origin_but_for_secrets(
    load: Load, known: Mapping[str, Vendor]
) -> None:
    settings = load("[server]\nheaders_max = 32\n" + LIVE, STRIPE_SECRET_KEY=KEY)
    rows = {row.name: row for row in config.show(settings, known)}
    assert rows["server.headers_max"] == config.Shown("server.headers_max", 32, "gateway.toml:2")
    assert rows["server.listen"].origin == "default"
    assert rows["ledger.shards"].value == ["sqlite:var/ledger-0.db", "sqlite:var/ledger-1.db"]
    assert rows["vendors.stripe.hosts"].value == settings.vendors["stripe"].hosts
    secret = rows["vendors.stripe.accounts.default.secret"]
    assert (secret.value, secret.origin) == ("[secret]", "gateway.toml:5")
    assert KEY not in repr(rows)


def test_hosts_are_rows_of_their_own_once_one_is_set(
    load: Load, known: Mapping[str, Vendor]
) -> None:
    text = '[vendors.stripe]\nhosts.files = "https://up.example.com"\n' + LIVE
    rows = {row.name: row for row in config.show(load(text, STRIPE_SECRET_KEY=KEY), known)}
    assert rows["vendors.stripe.hosts.files"].origin == "gateway.toml:2"
    assert rows["vendors.stripe.hosts.connect"].origin == "default"


def test_the_day_of_a_table_of_prices_is_shown(
    load: Load, known: Mapping[str, Vendor], tmp_path: Path
) -> None:
    def date(text: str) -> tuple[str, str]:
        settings = load(text)
        rows = config.show(settings, modules.furnished(settings.vendors, known))
        (row,) = (row for row in rows if row.name.endswith(".prices_date"))
        assert row.name == "vendors.twilio.prices_date"
        return row.value, row.origin

    file = tmp_path / "prices.json"
    file.write_text("2026-11-01")
    text = "[vendors.stripe]\nsandbox = true\n[vendors.twilio]\nsandbox = true\n"
    assert date(text) == ("2026-05-25", "ships")
    assert date(f'{text}prices_file = "{file}"\n') == ("2026-11-01", str(file))


@pytest.mark.parametrize(
    ("vendor", "why"),
    [("twilio", "date: must be a day"), ("stripe", "this vendor has no table of prices")],
)
def test_a_table_of_prices_that_cannot_be_used(
    load: Load, tmp_path: Path, vendor: str, why: str
) -> None:
    file = tmp_path / "prices.json"
    file.write_text("soon")
    text = f'[vendors.{vendor}]\nsandbox = true\nprices_file = "{file}"\n'
    assert mistakes(load, text) == [f"gateway.toml:3: vendors.{vendor}.prices_file: {file}: {why}"]


# ── the file that ships ─────────────────────────────────────────────────────────────────────────


def test_the_shipped_file_means_the_same_as_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: Mapping[str, Vendor]
) -> None:
    monkeypatch.chdir(tmp_path)
    for environ in ({}, {"STRIPE_SECRET_KEY": KEY}):
        shipped, none = (
            config.show(config.load(file, environ, known), known) for file in (SHIPPED, None)
        )
        assert [(row.name, row.value) for row in shipped] == [(row.name, row.value) for row in none]


def test_the_shipped_file_documents_every_setting_at_its_default(load: Load) -> None:
    text = re.sub(r"(?m)^#([a-z_]+ = )", r"\1", SHIPPED.read_text())
    settings = load(text)
    plain = Settings()
    for section in ("server", "ledger", "money", "log"):
        shipped = getattr(settings, section)
        assert shipped == getattr(plain, section)
        for field in dataclasses.fields(shipped):
            assert re.search(rf"(?m)^{field.name} = ", text), f"{section}.{field.name}"
    stripe = settings.vendors["stripe"]
    bare = VendorSettings("stripe", "https://api.stripe.com", stripe.hosts, stripe.accounts, True)
    assert stripe == bare
    twilio, resend = settings.vendors["twilio"], settings.vendors["resend"]
    assert twilio == VendorSettings("twilio", TWILIO.base_url, {}, twilio.accounts, True)
    assert dataclasses.replace(resend, calls_per_second_max=0) == VendorSettings(
        "resend", RESEND.base_url, {}, resend.accounts, True
    )
    block = text[text.index("[vendors.stripe]") :]
    for field in dataclasses.fields(VendorSettings):
        if field.name not in ("name", "accounts"):
            assert re.search(rf"(?m)^{field.name} = ", block), f"vendors.stripe.{field.name}"


def test_the_shipped_file_tells_of_every_setting_in_words() -> None:
    lines = SHIPPED.read_text().splitlines()
    for above, line in itertools.pairwise(lines):
        if re.match(r"#[a-z_]+ = ", line):
            assert above.startswith("# "), line


# ── the edge ────────────────────────────────────────────────────────────────────────────────────

SANDBOX = '[vendors.stripe]\nsandbox = "auto"\n'


def edge(*lines: str) -> str:
    return "\n".join(("[server]", *lines, SANDBOX))


def test_the_edge_in_order(load: Load) -> None:
    text = edge(
        f'tls_cert_file = "{CERT}"',
        f'tls_key_file = "{KEY_FILE}"',
        'trusted_proxies = ["10.0.0.0/8", "::1"]',
        "proxy_protocol = true",
    )
    server = load(text).server
    assert (server.scheme, server.trusted_proxies) == ("https", ("10.0.0.0/8", "::1"))
    assert load(edge(f'tls_cert_file = "{OTHER}"')).server.scheme == "https"
    assert load(edge()).server.scheme == "http"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (['tls_cert_file = "no.pem"'], ["tls_cert_file: there is no such file"]),
        (['tls_key_file = "no.pem"'], ["tls_key_file: there is no such file"]),
        ([f'tls_key_file = "{KEY_FILE}"'], ["tls_key_file: needs server.tls_cert_file beside it"]),
        ([f'tls_cert_file = "{CERT}"'], ["tls_cert_file: no certificate with its key in PEM"]),
        (
            [f'tls_cert_file = "{CERT}"', 'tls_key_file = "no.pem"'],
            ["tls_key_file: there is no such file"],
        ),
        (
            ['tls_cert_file = "no.pem"', f'tls_key_file = "{KEY_FILE}"'],
            ["tls_cert_file: there is no such file"],
        ),
        (
            [f'tls_cert_file = "{OTHER}"', f'tls_key_file = "{KEY_FILE}"'],
            ["tls_key_file: the key in", "does not belong to the certificate"],
        ),
        (["proxy_protocol = true"], ["proxy_protocol: needs server.trusted_proxies"]),
        (
            ["trusted_proxies = []", "proxy_protocol = true"],
            ["proxy_protocol: needs server.trusted_proxies"],
        ),
        (
            ['trusted_proxies = ["10.0.0.1/8"]', "proxy_protocol = true"],
            ["trusted_proxies: 10.0.0.1/8 is no address and no network"],
        ),
    ],
)
def test_what_the_edge_lacks_is_one_mistake(load: Load, lines: list[str], why: list[str]) -> None:
    (mistake,) = mistakes(load, edge(*lines))
    for words in why:
        assert words in mistake
