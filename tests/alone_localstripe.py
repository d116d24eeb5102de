"""localstripe, run as its own process on a free port of the loopback alone.

As it is, it listens on all interfaces, and writes its state to one file of the temporary folder,
which whoever shares the machine could have put there. `python tests/alone_localstripe.py` changes
both before it runs it, and nothing else; where it listens it says itself (`Running on …`). Nothing
of ours imports it.
"""

from __future__ import annotations

import builtins
import os
import runpy
import socket
import sys
from typing import Any

STATE = "/tmp/localstripe.pickle"

_open = builtins.open


class LoopbackSocket(socket.socket):
    """Its `::` is the loopback, as IPv4 clients see it."""

    def bind(self, address: Any) -> None:
        super().bind(("::ffff:127.0.0.1", address[1]) if address[0] == "::" else address)


def open_elsewhere(file: Any, *args: Any, **more: Any) -> Any:
    return _open(os.devnull if file == STATE else file, *args, **more)


if __name__ == "__main__":
    socket.socket = LoopbackSocket  # type: ignore[misc]
    builtins.open = open_elsewhere
    sys.argv = ["localstripe", "--port", "0", "--from-scratch"]
    runpy.run_module("localstripe", run_name="__main__")
