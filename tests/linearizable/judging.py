"""A load on several workers, while they are killed, and the verdict on what clients saw."""

import threading

from tests.linearizable.checker import all_impossible
from tests.linearizable.clients import Load, Seen
from tests.linearizable.workers import Workers
from tests.server.running import until


def judged(history: Seen) -> None:
    """Fails with what the checker found."""
    wrong = all_impossible(history)
    assert not wrong, "\n".join(f"{key!r}: {verdict}" for key, verdict in wrong.items())


def run_with_kills(server: Workers, load: Load, kills: int) -> None:
    """Kill a worker each time another share of the work is done."""
    running = threading.Thread(target=load.run)
    running.start()
    whole = load.clients * load.acts
    try:
        for number in range(kills):
            share = whole * (number + 1) // (kills + 1)
            until(lambda share=share: load.done >= share or not running.is_alive(), seconds=600)  # type: ignore[misc]
            server.kill_one(number)
    finally:
        running.join()
    assert load.done == whole
