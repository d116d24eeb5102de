"""`keybrake doctor`: is this machine ready to serve, and does the gateway answer? Changes nothing;
the exit code is 1 if something fails."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict
from functools import partial
from typing import Any

from gateway.run import config, modules
from gateway.run.commands import api, checks, local, openfiles, show
from gateway.run.commands.checks import Finding
from gateway.run.config import ConfigMistakes

EXAMPLES = """examples:
  keybrake doctor                       what is wrong here, and what to do about it
  keybrake doctor --json --config /etc/keybrake/gateway.toml
"""


def add(groups: Any) -> None:
    parser = groups.add_parser(
        "doctor",
        help="is this machine ready, and does the gateway answer?",
        description=EXAMPLES,
    )
    local.add_config_option(parser)
    api.add_options(parser)
    parser.set_defaults(handle=run)


def run(args: argparse.Namespace) -> int:
    findings = [*checks.machine()]
    try:
        settings = local.settings_of(args)
        vendors = modules.furnished(settings.vendors, modules.discovered())
    except ConfigMistakes as exc:
        todo = "keybrake config check says it with each line"
        findings += (Finding("fail", "settings", mistake, todo) for mistake in exc.mistakes)
        gateway = checks.gateway_finding(args.url)
    else:
        if not api.url_is_given(args):
            args.url = checks.own_url(settings)
        gateway = checks.gateway_finding(args.url)
        answers = not gateway.detail.startswith(checks.NOBODY)
        findings += checks.settled(settings, vendors, is_ready=answers)
        findings += openfiles.findings(settings, _secret_files(args))
    findings.append(gateway)
    if gateway.mark == "ok":
        findings.append(checks.admin_key_finding(partial(api.connect, args)))
    if args.json:
        show.as_json([asdict(finding) for finding in findings])
    else:
        _tell(findings)
    return 1 if any(finding.mark == "fail" for finding in findings) else 0


def _secret_files(args: argparse.Namespace) -> dict[str, str]:
    given = {"--admin-key-file": args.admin_key_file} if args.admin_key_file else {}
    return config.secret_files(args.config, os.environ) | given


def _tell(findings: list[Finding]) -> None:
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark = show.coloured(finding.mark, f"{finding.mark:<4}")
        print(f"{mark}  {finding.what.ljust(width)}  {show.plain(finding.detail)}")
        if finding.do:
            print(f"{' ' * (width + 8)}→ {finding.do}")
