"""S3front beside other servers on the same work: ``python -m bench.peers``.

What is measured is in rows.py, how each server is started in servers.py. Nothing here is imported
by the server or by the rest of the bench.
"""
