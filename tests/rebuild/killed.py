"""Runs ``s3front`` and kills its process before the n-th call of a function.

``python -m tests.rebuild.killed MODULE:NAME N ARGUMENTS...``
"""

import importlib
import os
import signal
import sys
from typing import Any

from gateway.cli.main import main


def kill_before(where: str, number: int) -> None:
    """The process ends, as by kill -9, before that call."""
    module, _, name = where.partition(":")
    owner: Any = importlib.import_module(module)
    *owners, last = name.split(".")
    for one in owners:
        owner = getattr(owner, one)
    original = getattr(owner, last)
    calls = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, last, counted)


if __name__ == "__main__":
    kill_before(sys.argv[1], int(sys.argv[2]))
    main(sys.argv[3:])
