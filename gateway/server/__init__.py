"""The processes: a parent that supervises, workers that serve.

The parent (``supervisor.py``) holds the locks of the data directories, probes the port, starts
workers as new processes (``worker.py``; never a fork) and starts dead ones again. Orders and reports
are lines of JSON on the worker's standard input and output (``orders.py``). A worker composes the
application in ``build.py``, listens on a socket that its parent keeps as well (one with SO_REUSEPORT for
each place of a worker, ``slots.py``) and drains on SIGTERM, on the order to, or when its parent is gone.
"""

import sys

if "structlog" not in sys.modules and "rich" not in sys.modules:
    # structlog imports rich, which draws tracebacks for terminals. We draw none: it would be a tenth
    # of the start of each process, and 5 MiB.
    sys.modules["rich"] = None  # type: ignore[assignment]  # what stands for "not there"
    try:
        import structlog  # noqa: F401 - so that it is imported now
    finally:
        del sys.modules["rich"]
