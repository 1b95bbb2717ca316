"""The server in a process of its own, to be measured: prints its port, ends with its input."""

import sys
from pathlib import Path

from tests.live.server import running


def main() -> None:
    with running(Path(sys.argv[1]), durability="relaxed") as live:
        print(live.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
