"""For all tests: nothing may block an event loop but the functions named here, and what is random."""

from collections.abc import Iterator

import pytest
import structlog
from blockbuster import blockbuster_ctx
from hypothesis import settings

from tests.seeds import draws_new_numbers

# No deadline: a busy machine is not a failure.
settings.register_profile("the same each time", deadline=None, derandomize=True)
settings.register_profile("new each time", deadline=None)
settings.load_profile("new each time" if draws_new_numbers() else "the same each time")

# They block on purpose and briefly: a call shorter than the hop to a thread.
MAY_BLOCK = {
    "backends/local/placing.py": {
        "folders",
        "make_folder",
        "drop_folder",
        "prepare",
        "place",
        "remove",
        "drop_staged",
    },
    "backends/local/presence.py": {"check"},
    "backends/local/sighting.py": {"glanced"},
    "backends/local/storage.py": {"staged_names"},
    "backends/local/staging.py": {"unlink_staged"},
    "backends/local/attributes.py": {"forget"},
    "gateway/wire/files.py": {"_send", "_send_some"},
}


@pytest.fixture(autouse=True)
def logs_are_plain() -> Iterator[None]:
    """Tracebacks with all variables, as structlog draws them unless told, take seconds."""
    structlog.reset_defaults()
    render = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], render])
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True, scope="session")
def nothing_blocks_a_loop() -> Iterator[None]:
    with blockbuster_ctx(["gateway", "sigv4", "backends"]) as blockbuster:
        for function in blockbuster.functions.values():
            for file, names in MAY_BLOCK.items():
                function.can_block_in(file, names)
        yield
