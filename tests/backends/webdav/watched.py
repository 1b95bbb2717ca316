"""Runs a command, as a user if one is named, until it ends or its own input does.

Then the whole group ends: the workers of a server, too, and however the one that gave the input
ended.
"""

import os
import signal
import subprocess
import sys
import threading


def _end_with_input() -> None:
    sys.stdin.read()
    os.killpg(0, signal.SIGTERM)


def main() -> None:
    """``USER-OR-NOTHING COMMAND…``; to be the first of a group of its own."""
    user, *command = sys.argv[1:]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, user=user or None)
    threading.Thread(target=_end_with_input, daemon=True).start()
    sys.exit(process.wait())


if __name__ == "__main__":
    main()
