"""``python -m bench.upstreams``."""

from bench.upstreams.command import upstreams

if __name__ == "__main__":
    upstreams()
