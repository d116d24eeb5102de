"""The scripts that complete commands in a shell."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from gateway.run import cli
from gateway.run.commands.completion import SHELLS


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_with_all_commands(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("backup", "in-doubt", "resolve", "top-up-expires"):
        assert word in script
    if shutil.which(shell) is not None:
        checked = subprocess.run([shell, "-n"], input=script, text=True, check=False)
        assert checked.returncode == 0
