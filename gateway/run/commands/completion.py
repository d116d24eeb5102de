"""`keybrake completion …`: a script that completes commands and options in a shell. shtab writes it
from the same parsers that read the command line."""

from __future__ import annotations

import argparse
from typing import Any, Final

SHELLS: Final = ("bash", "zsh", "fish")

EXAMPLES = """examples:
  eval "$(keybrake completion bash)"    in this shell; put the line into ~/.bashrc to keep it
  keybrake completion zsh > ~/.zfunc/_keybrake
  keybrake completion fish > ~/.config/fish/completions/keybrake.fish
"""


def add(groups: Any) -> None:
    parser = groups.add_parser(
        "completion",
        help="a script for your shell that completes commands and options",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(handle=run)


def run(args: argparse.Namespace) -> int:
    import shtab  # here: no other command needs it

    from gateway.run.cli import make_parser

    print(shtab.complete(make_parser(), shell=args.shell))
    return 0
