"""What S3front adds to a storage behind a network: ``python -m bench.upstreams``.

The same work is done directly with the upstream and through the gateway, in turn.
"""
