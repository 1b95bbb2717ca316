"""A directory to start from, and processes to attempt things in copies of it."""

import shutil
from pathlib import Path
from typing import Any

from tests.crash.calls import EIO
from tests.crash.judging import problems_after
from tests.crash.operations import prepare
from tests.crash.zygote import Zygote


class Bench:
    """Attempts, each judged; see ``tests.crash.attempting``."""

    def __init__(self, folder: Path, forks: Zygote) -> None:
        self.folder = folder
        self.forks = forks
        self.facts = prepare(folder / "prepared")
        self.made: dict[tuple[str, str], list[str]] = {}
        """For tests to keep what an operation does without a fault."""

    def attempt(
        self,
        name: str,
        kind: str = EIO,
        at: int = 0,
        *,
        durability: str = "full",
        until_idle: bool = False,
        again: bool = False,
    ) -> dict[str, Any]:
        """The result of one attempt, with all that is wrong with it under "problems"."""
        root = self.folder / "attempt"
        shutil.copytree(self.folder / "prepared", root)
        try:
            result = self.forks.attempt(
                root=str(root),
                operation=name,
                facts=self.facts,
                kind=kind,
                at=at,
                durability=durability,
                until_idle=until_idle,
                again=again,
            )
            result["problems"] = problems_after(root, name, self.facts, result)
        finally:
            shutil.rmtree(root)
        return result
