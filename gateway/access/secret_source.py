"""Where secrets come from."""

from typing import Protocol


class SecretSource(Protocol):
    """Knows the secret of each access key."""

    def secret(self, access_key: str) -> str | None:
        """The secret, or None if there is no such key."""
