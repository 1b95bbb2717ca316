"""All there is: buckets by name."""

from tests.model.refusal import Refusal
from tests.model.values import Bucket, Thing


class State:
    """What the operations of the model look up and change."""

    def __init__(self, *, min_part: int) -> None:
        """``min_part``: bytes that every part but the last must have."""
        self.buckets: dict[str, Bucket] = {}
        self.min_part = min_part
        self.uploads_begun = 0

    def found(self, bucket: str, key: str) -> Thing | None:
        """The current object, if there is one."""
        return self.buckets[bucket].things.get(key) if bucket in self.buckets else None

    def bucket(self, name: str) -> Bucket:
        """Refusal NoSuchBucket."""
        if name not in self.buckets:
            raise Refusal(404, "NoSuchBucket")
        return self.buckets[name]

    def thing(self, bucket: str, key: str) -> Thing:
        """Refusal NoSuchBucket, NoSuchKey."""
        thing = self.bucket(bucket).things.get(key)
        if thing is None:
            raise Refusal(404, "NoSuchKey")
        return thing
