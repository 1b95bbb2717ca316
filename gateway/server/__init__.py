"""The processes: a parent that supervises, workers that serve.

The parent (``supervisor.py``) holds the locks of the data directories, probes the port, starts
workers as new processes (``worker.py``; never a fork) and starts dead ones again. Orders and reports
are lines of JSON on the worker's standard input and output (``orders.py``). A worker composes the
application in ``build.py``, listens on a socket that its parent keeps as well (one with SO_REUSEPORT for
each place of a worker, ``slots.py``) and drains on SIGTERM, on the order to, or when its parent is gone.
"""
