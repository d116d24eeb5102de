"""What Prometheus reads: the page parses, tells what happened, has no label that grows with use,
and has every name that the alerts and the dashboard in deploy/ ask for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bench.sandbox.launch import Sandbox
from tests.house import ROOT, Gateway
from tests.speaker import INTENT, until

INTENTS: Final = "/v1/payment_intents"
DEPLOY: Final = ROOT / "deploy"
NAME: Final = re.compile(r"\b(?:keybrake|process)_[a-z0-9_]+")
BUILT_IN: Final = frozenset({"up"})
LABELS: Final = {
    *("vendor", "account", "decision", "code", "state", "result", "reason", "listener"),
    *("kind", "outcome", "le", "version", "python"),
}


def families(gateway: Gateway) -> dict[str, Metric]:
    page = gateway.request("GET", "/metrics").body.decode()
    return {family.name: family for family in text_string_to_metric_families(page)}


def samples(gateway: Gateway) -> dict[tuple[str, frozenset[str]], float]:
    """By name and the values of the labels."""
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in families(gateway).values()
        for sample in family.samples
    }


def lives(gateway: Gateway, vendor: Sandbox) -> None:
    """One call that is paid, one beyond its cap, one in doubt."""
    key = gateway.make_key(daily_usd_cap="30", agent_run_label="scn/secret-run")
    assert gateway.call(key, "POST", INTENTS, form=INTENT).status == 200
    assert gateway.call(key, "POST", INTENTS, form={**INTENT, "amount": 9_900}).status == 429
    vendor.behave(path=INTENTS, drop=True)
    assert gateway.call(key, "POST", INTENTS, form=INTENT).status == 502
    vendor.calm()


def test_the_page_is_well_formed_and_tells_what_happened(gateway: Gateway, vendor: Sandbox) -> None:
    lives(gateway, vendor)
    doubts = ("keybrake_open_usd", frozenset({"stripe", "in_doubt"}))
    told = until(lambda: samples(gateway), lambda told: doubts in told)
    assert told[doubts] == 12
    assert told["keybrake_open_holds", frozenset({"stripe", "in_doubt"})] == 1
    assert told["keybrake_open_oldest_seconds", frozenset({"stripe", "in_doubt"})] > 0
    assert told["keybrake_calls_total", frozenset({"stripe", "allowed"})] == 2
    assert told["keybrake_calls_total", frozenset({"stripe", "refused"})] == 1
    assert told["keybrake_refusals_total", frozenset({"daily_cap_exceeded"})] == 1
    assert told["keybrake_cost_usd_total", frozenset({"stripe"})] == 24
    requests = "keybrake_vendor_requests_total"
    assert told[requests, frozenset({"stripe", "default", "2xx"})] == 1
    assert told[requests, frozenset({"stripe", "default", "broke_off"})] == 1
    assert told["keybrake_call_seconds_count", frozenset({"stripe"})] == 3
    shares = [
        told[f"keybrake_{name}_seconds_sum", frozenset({"stripe"})] for name in ("own", "call")
    ]
    assert 0 < shares[0] <= shares[1]
    assert told["keybrake_ready", frozenset()] == 1
    assert told["keybrake_connections", frozenset({"listen"})] >= 1
    assert told["keybrake_ledger_commit_seconds_count", frozenset()] > 0
    assert told["process_open_fds", frozenset()] > 3


def test_no_label_grows_with_use(gateway: Gateway, vendor: Sandbox) -> None:
    lives(gateway, vendor)
    for family in families(gateway).values():
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge", "histogram", "summary"), family.name
        for sample in family.samples:
            assert sample.labels.keys() <= LABELS, sample
            assert not any(
                "secret-run" in value or "v1" in value for value in sample.labels.values()
            )


def asked_for(file: Path) -> set[str]:
    """Names in the expressions of the alerts, or of the dashboard's panels."""
    text = file.read_text()
    if file.suffix == ".json":
        panels = json.loads(text)["panels"]
        text = " ".join(one["expr"] for panel in panels for one in panel.get("targets", ()))
    else:
        lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
        text = "\n".join(lines)
    return set(NAME.findall(text))


@pytest.mark.parametrize("file", ["prometheus-alerts.yml", "grafana-dashboard.json"])
def test_what_is_asked_for_is_there(gateway: Gateway, vendor: Sandbox, file: str) -> None:
    lives(gateway, vendor)
    there = {name for name, _ in samples(gateway)}
    there |= {end for one in families(gateway).values() for end in (one.name, f"{one.name}_total")}
    asked = asked_for(DEPLOY / file)
    assert len(asked) > 10
    assert asked - there - BUILT_IN == set()


def test_every_panel_has_a_place_of_its_own() -> None:
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
