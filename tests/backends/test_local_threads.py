"""The pool: what is begun is done, by a bounded number of threads that keep nothing of it."""

import asyncio
import gc
import threading
import weakref

import pytest

from backends.errors import Unavailable
from backends.local import threads
from backends.local.threads import Pool


class Gate:
    """Work that waits until it may go on, and tells that it was begun."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.free = threading.Event()
        self.done: list[str] = []
        self.future: asyncio.Future[str] | None = None

    def work(self, name: str = "") -> str:
        self.begun.release()
        assert self.free.wait(20)
        self.done.append(threading.current_thread().name)
        return name


async def test_results_and_errors_come_back() -> None:
    pool = Pool()
    assert await pool.run(divmod, 7, 2) == (3, 1)
    assert await pool.run(int, "11", base=2) == 3
    with pytest.raises(ZeroDivisionError):
        await pool.run(divmod, 1, 0)
    with pytest.raises(SystemExit):
        await pool.run(exit)
    assert await pool.run(len, "abc") == 3
    await pool.aclose()


async def test_a_thread_that_is_free_is_used_again() -> None:
    pool = Pool()
    names = {await pool.run(lambda: threading.current_thread().name) for _ in range(20)}
    assert names == {"s3front-local-0"}
    await pool.aclose()


async def test_work_is_done_at_once_up_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_THREADS", 3)
    pool, gate = Pool(), Gate()
    futures = [pool.start(gate.work, str(number)) for number in range(5)]
    for _ in range(3):
        assert gate.begun.acquire(timeout=20)
    assert not gate.begun.acquire(blocking=False)
    gate.free.set()
    assert await asyncio.gather(*futures) == ["0", "1", "2", "3", "4"]
    assert len(set(gate.done)) <= 3
    await pool.aclose()


async def test_closing_waits_for_what_was_begun_and_takes_no_more() -> None:
    pool, gate = Pool(), Gate()
    future = pool.start(gate.work, "begun")
    closing = asyncio.create_task(pool.aclose())
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await pool.start(gate.work)
    assert not closing.done()
    gate.free.set()
    await closing
    assert await future == "begun"
    assert not [one for one in threading.enumerate() if one.name.startswith("s3front-local")]


async def test_what_nobody_waits_for_is_done_nevertheless() -> None:
    failures: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    pool, gate = Pool(), Gate()
    futures = [pool.start(gate.work) for _ in range(2)]
    for future in futures:
        future.cancel()
    waiting = asyncio.create_task(pool.run(gate.work))
    await asyncio.sleep(0)
    waiting.cancel()
    gate.free.set()
    await pool.aclose()
    assert len(gate.done) == 3
    assert failures == []


class Thing:
    """Something that can be watched."""

    def fail(self) -> None:
        raise LookupError


async def test_an_idle_thread_keeps_nothing_of_what_it_did() -> None:
    pool = Pool()
    thing = Thing()
    watched = weakref.ref(thing)
    await pool.run(id, thing)
    with pytest.raises(LookupError):
        await pool.run(thing.fail)
    del thing
    # The thread may be about to let go of it still: once it does something else, it has.
    await pool.run(int)
    gc.collect()
    assert watched() is None
    await pool.aclose()


def test_the_end_of_the_loop_is_no_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gate = Gate()

    async def begin() -> Pool:
        pool = Pool()
        gate.future = pool.start(gate.work)
        return pool

    pool = asyncio.run(begin())
    gate.free.set()
    for thread in pool._threads:
        pool._jobs.put(None)
        thread.join(20)
        assert not thread.is_alive()
    assert capsys.readouterr().err == ""
