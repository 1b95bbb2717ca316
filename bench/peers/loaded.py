"""S3front with a catalog of many keys, loaded in bulk."""

from collections.abc import Callable

from bench.asking import create_bucket, put_object
from bench.generator import Target
from bench.keys.loading import multiply
from bench.peers.kinds import Kind, Place
from bench.peers.processes import started

KEYS_BUCKET = "keys"
WITHOUT_FILES = ("--watch", "false", "--scrub", "false", "--snapshot-seconds", "0")
"""Options under which nobody looks for the files that such a catalog does not have."""


def first_key(kind: Kind, place: Place) -> None:
    """Let the server itself write the one object whose row is multiplied. Raises ServerError."""
    place.data.mkdir()
    with started(kind, place):
        target = Target(
            host="127.0.0.1",
            port=place.port,
            bucket=KEYS_BUCKET,
            region="us-east-1",
            access_key=place.access_key,
            secret_key=place.secret_key,
        )
        create_bucket(target)
        put_object(target, "obj-00000000", b"sixteen bytes...")


def prepared_keys(kind: Kind, count: int) -> Callable[[Place], None]:
    """What to do before such a server starts with ``count`` keys."""

    def prepare(place: Place) -> None:
        first_key(kind, place)
        multiply(place.data, KEYS_BUCKET, count)

    return prepare
