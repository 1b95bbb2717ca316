"""A watching server in a process of its own, to be measured: prints its port, ends with its input."""

import sys
from pathlib import Path

import structlog

from tests.live.server import running


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with running(Path(sys.argv[1]), durability="relaxed", jobs=True) as live:
        print(live.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
