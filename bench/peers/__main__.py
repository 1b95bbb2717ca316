"""``python -m bench.peers``."""

from bench.peers.command import peers

if __name__ == "__main__":
    peers()
