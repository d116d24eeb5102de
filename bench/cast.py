"""Who can be on stage, and how each is started: the vendor alone, us in five modes, and peers that
swap one header and check no budget.

| name | is |
| --- | --- |
| direct | straight to the vendor: the floor of every latency |
| aiohttp, nginx, uvicorn, litellm | peers; see README.md |
| keybrake | `synchronous = "FULL"`: charges, reads, Twilio's messages, Resend's mails |
| binary | the same charges and reads by `dist/keybrake`, whose hot modules are compiled |
| normal, unwritten, tls | the same charge with `NORMAL`; unwritten.py; to a vendor behind TLS |

Who cannot be had here is left out with a line that says why.
"""

from __future__ import annotations

import secrets
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import gear
from bench.doors import ask, free_port, make_vault_key, wait_ready, wait_until
from bench.machine import Process
from bench.shots import CHARGE, MAIL, MESSAGE, READ, Shot
from bench.stage import SECRET, Carrier, Contender, Stage, check_answers
from bench.vendor import TWILIO_SID

GATEWAY_TOML: Final = """\
[server]
listen = "{listen}"
[ledger]
shards = ["sqlite:{var}/ledger-0.db", "sqlite:{var}/ledger-1.db"]
audit = "sqlite:{var}/audit.db"
synchronous = "{synchronous}"
[vendors.stripe]
base_url = "{stripe}"
hosts = {{files = "http://{bulk}"}}
connections_max = 2048
{trust}
[vendors.stripe.accounts.default]
secret = "env:STRIPE_SECRET_KEY"
[vendors.twilio]
base_url = "http://{twilio}"
connections_max = 2048
[vendors.twilio.accounts.default]
account_sid = "{sid}"
secret = "env:TWILIO_AUTH_TOKEN"
[vendors.resend]
base_url = "http://{resend}"
connections_max = 2048
calls_per_second_max = 0
[vendors.resend.accounts.default]
secret = "env:RESEND_API_KEY"
"""
NGINX_CONF: Final = """\
worker_processes 1;
daemon off;
pid {var}/nginx.pid;
error_log stderr;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Authorization "Bearer {secret}";
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
  client_body_temp_path {var}/client;
  proxy_temp_path {var}/proxy;
  fastcgi_temp_path {var}/fastcgi;
  uwsgi_temp_path {var}/uwsgi;
  scgi_temp_path {var}/scgi;
  upstream vendor {{ server {vendor}; keepalive 1024; keepalive_requests 1000000000; }}
  upstream bulk {{ server {bulk}; keepalive 8; }}
  server {{ listen {listen} backlog=4096; location / {{ proxy_pass http://vendor; }} }}
  server {{ listen {bulk_listen}; location / {{ proxy_pass http://bulk; }} }}
}}
"""
LITELLM_YAML: Final = """\
model_list: []
litellm_settings: {{telemetry: false}}
general_settings:
  pass_through_endpoints:
    - path: "/stripe"
      target: "http://{vendor}"
      include_subpath: true
      headers: {{Authorization: "Bearer {secret}"}}
"""
LITELLM_START_S: Final = 180.0


def direct(made: Stage, tell: gear.Tell) -> None:
    addresses = made.vendor[1]
    for shot in (CHARGE, READ):
        made.contenders.append(Contender("direct", shot, addresses["stripe"], SECRET, "", None))
    made.carriers.append(Carrier("direct", addresses["bulk"], SECRET, "", None))


def aiohttp(made: Stage, tell: gear.Tell) -> None:
    """Two processes: one for small calls, and one that passes bodies on as they come."""
    small = _python_peer(made, "aiohttp", sys.executable, "aiohttp_proxy.py")
    for shot in (CHARGE, READ):
        made.contenders.append(Contender("aiohttp", shot, small[1], SECRET, "", small[0]))
    big = _python_peer(made, "aiohttp-stream", sys.executable, "aiohttp_proxy.py", "--stream")
    made.carriers.append(Carrier("aiohttp", big[1], SECRET, "", big[0]))


def uvicorn(made: Stage, tell: gear.Tell) -> None:
    """At 1,024 callers it all but stops: httpx's pool looks at every connection for each call."""
    python = gear.environment(gear.BENCH / "peers" / "uvicorn.txt", tell) / "python"
    process, address = _python_peer(made, "uvicorn+httpx", str(python), "uvicorn_proxy.py")
    made.contenders.append(
        Contender("uvicorn+httpx", CHARGE, address, SECRET, "", process, (1, 256))
    )


def nginx(made: Stage, tell: gear.Tell) -> None:
    found = gear.program("nginx", "nginx-light", tell)
    var = made.var / "nginx"
    var.mkdir()
    listen, bulk_listen = (f"127.0.0.1:{free_port()}" for _ in range(2))
    names = {"listen": listen, "bulk_listen": bulk_listen, "var": var, "secret": SECRET}
    vendor = made.vendor[1]
    conf = var / "nginx.conf"
    conf.write_text(NGINX_CONF.format(vendor=vendor["stripe"], bulk=vendor["bulk"], **names))
    command = [found, "-p", str(var), "-e", "stderr", "-c", str(conf)]
    process = made.start("nginx", command, core=made.core)
    wait_until(process, lambda: _answers(listen), 10.0)
    made.contenders.append(Contender("nginx", CHARGE, listen, SECRET, "", process))
    made.carriers.append(Carrier("nginx", bulk_listen, SECRET, "", process))


def litellm(made: Stage, tell: gear.Tell) -> None:
    """Its proxy's pass-through, without a database; heavy, so at 32 callers only."""
    programs = gear.environment(gear.BENCH / "peers" / "litellm.txt", tell)
    config = made.var / "litellm.yaml"
    config.write_text(LITELLM_YAML.format(vendor=made.vendor[1]["stripe"], secret=SECRET))
    host, port, key = "127.0.0.1", free_port(), f"sk-{secrets.token_hex(32)}"
    command = [str(programs / "litellm"), "--config", str(config), "--host", host]
    process = made.start(
        "litellm",
        [*command, "--port", str(port)],
        core=made.core,
        LITELLM_MASTER_KEY=key,
        LITELLM_MODE="PRODUCTION",
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        LITELLM_LOG="ERROR",
    )
    address = f"{host}:{port}"
    tell("waiting for litellm, which takes its time to start …")
    wait_until(
        process, lambda: ask(address, "GET", "/health/liveliness")[0] == 200, LITELLM_START_S
    )
    made.contenders.append(Contender("litellm", CHARGE, address, key, "/stripe", process, (32, 32)))


def keybrake(made: Stage, tell: gear.Tell) -> None:
    _gateway(made, "keybrake FULL", (CHARGE, READ, MESSAGE, MAIL), bulk=True)


def binary(made: Stage, tell: gear.Tell) -> None:
    built = gear.BENCH.parent / "dist" / "keybrake"
    if not built.exists():
        raise gear.Unavailable("it is not built: make binary")
    _gateway(made, "keybrake FULL, binary", (CHARGE, READ), command=[str(built)])


def normal(made: Stage, tell: gear.Tell) -> None:
    _gateway(made, "keybrake NORMAL", (CHARGE,), synchronous="NORMAL")


def unwritten(made: Stage, tell: gear.Tell) -> None:
    command = [sys.executable, "-m", "bench.unwritten"]
    _gateway(made, "keybrake unwritten", (CHARGE,), command=command)


def tls(made: Stage, tell: gear.Tell) -> None:
    if made.certificate is None:
        raise gear.Unavailable("openssl is not installed; on Debian: apt-get install openssl")
    trust = f'ca_file = "{made.certificate}"'
    stripe = f"https://{made.vendor[1]['tls']}"
    _gateway(made, "keybrake FULL, TLS", (CHARGE,), stripe=stripe, trust=trust)


CAST: Final[Mapping[str, Callable[[Stage, gear.Tell], None]]] = {
    entry.__name__: entry
    for entry in (
        *(direct, aiohttp, nginx, uvicorn, litellm),
        *(keybrake, binary, normal, unwritten, tls),
    )
}
USUAL: Final = tuple(name for name in CAST if name != "litellm")
OTHERS: Final = ("aiohttp", "nginx", "uvicorn", "litellm")
PEERS: Final = ("direct", *OTHERS)


def enter(made: Stage, names: Sequence[str], tell: gear.Tell) -> None:
    """Start these, in the order of the table, and see that each answers as the vendor does. A peer
    that does not is left out; raises RuntimeError for one of us, and for the vendor itself."""
    for name, start in CAST.items():
        if name in names:
            there = len(made.contenders)
            try:
                start(made, tell)
                for contender in made.contenders[there:]:
                    check_answers(contender)
            except gear.Unavailable as exc:
                made.leave_out(f"{name}: {exc}", tell)
            except RuntimeError as exc:
                if name not in OTHERS:
                    raise
                tell(str(exc))
                made.leave_out(f"{name}: {str(exc).splitlines()[0]}", tell)
                del made.contenders[there:]


# How they are started.


def _python_peer(
    made: Stage, name: str, python: str, script: str, *words: str
) -> tuple[Process, str]:
    """A script of peers/, which prints its address when it listens."""
    command = [python, str(gear.BENCH / "peers" / script), "--secret", SECRET]
    vendor = made.vendor[1]["bulk" if "--stream" in words else "stripe"]
    process = made.start(name, [*command, "--vendor", f"http://{vendor}", *words], core=made.core)
    return process, str(process.first_line()["address"])


def _gateway(
    made: Stage,
    name: str,
    shots: Sequence[Shot],
    *,
    command: Sequence[str] = (),
    synchronous: str = "FULL",
    stripe: str = "",
    trust: str = "",
    bulk: bool = False,
) -> None:
    """One with a ledger of its own and vault keys without a practical cap."""
    var = made.var / name.replace(" ", "-").replace(",", "")
    var.mkdir()
    address, admin_key = f"127.0.0.1:{free_port()}", secrets.token_hex(20)
    vendor = made.vendor[1]
    settings = var / "gateway.toml"
    settings.write_text(
        GATEWAY_TOML.format(
            listen=address,
            var=var,
            synchronous=synchronous,
            stripe=stripe or f"http://{vendor['stripe']}",
            bulk=vendor["bulk"],
            trust=trust,
            twilio=vendor["twilio"],
            sid=TWILIO_SID,
            resend=vendor["resend"],
        )
    )
    process = made.start(
        name,
        [*(command or [str(Path(sys.executable).parent / "keybrake")]), "serve",
         "--config", str(settings)],
        core=made.core,
        KEYBRAKE_ADMIN_KEY=admin_key,
        STRIPE_SECRET_KEY=SECRET,
        TWILIO_AUTH_TOKEN="5" * 32,
        RESEND_API_KEY="re_bench_0123456789",
    )  # fmt: skip
    wait_ready(process, address)
    keys = {shot.vendor: "" for shot in shots}
    keys = {vendor: make_vault_key(address, admin_key, vendor) for vendor in keys}
    for shot in shots:
        bearer, prefix = keys[shot.vendor], f"/{shot.vendor}"
        made.contenders.append(Contender(name, shot, address, bearer, prefix, process))
    if bulk:
        made.carriers.append(Carrier(name, address, keys["stripe"], "/stripe/files", process))


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), 1.0).close()
    return True
