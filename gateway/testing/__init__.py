"""S3 for other people's tests: a server in the process of the tests, and faults on request.

``front.py`` is what a test holds; ``plugin.py`` gives it to pytest. ``server.py`` composes the server,
``interposed.py`` stands between its wire and its application and asks ``faults.py`` what is to go wrong
(``effects.py`` does it) and tells ``journal.py`` what was asked. ``control.py`` is the same over HTTP,
for ``s3front dev``. Nothing that ``s3front serve`` runs imports this package.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.testing.faults import Fault, Faults
    from gateway.testing.front import OutsideTests, S3Front
    from gateway.testing.journal import Journal, Recorded

__all__ = ["Fault", "Faults", "Journal", "OutsideTests", "Recorded", "S3Front"]

_HOMES = {
    "Fault": "faults",
    "Faults": "faults",
    "Journal": "journal",
    "OutsideTests": "front",
    "Recorded": "journal",
    "S3Front": "front",
}


def __getattr__(name: str) -> Any:
    # pytest imports this package whenever it starts: the server is imported when it is used.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
