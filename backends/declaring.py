"""Refusing what a storage does not declare, where that is not the same for all of its kind."""

from collections.abc import Mapping

from backends.errors import Unsupported
from backends.interface import Can, Storage


class Declaring(Storage):
    """A storage whose verbs ask first whether it can. Raises Unsupported."""

    def _may(
        self,
        description: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        create: bool = False,
    ) -> None:
        if headers is not None:
            self._need(Can.HEADERS)
        if create:
            self._need(Can.CREATE)
        if description is not None:
            self._need(Can.DESCRIBE)
            if len(description) > self.limits.max_description:
                raise Unsupported(f"a description of {len(description)} bytes")

    def _need(self, can: Can) -> None:
        if can not in self.can:
            raise Unsupported(f"{can.name} is not declared")
