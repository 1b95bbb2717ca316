"""``python -m bench.keys``."""

from bench.keys.command import keys

if __name__ == "__main__":
    keys()
