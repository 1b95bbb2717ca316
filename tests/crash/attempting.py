"""One operation on a directory, in a process of its own, with a fault at its n-th call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash.calls import Calls, Fault, armed
from tests.crash.checking import doomed
from tests.crash.journal import content
from tests.crash.operations import BUCKET, LATER, OPERATIONS
from tests.crash.workload import marked
from tests.live.client import Client
from tests.live.server import running
from tests.server.running import until


def attempt(order: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> None:
    """``order``: root, operation, facts, durability, and of the fault kind and at (0: none).

    With ``until_idle`` what follows the answer counts too, until nothing is doomed any more. With ``again`` it is asked a second time, when the fault is over. Tells the status of the answer, the calls made, the call hit, the files of which a failed fsync
    was tried again, and how the server answers afterwards. If the fault is a kill, it does not.
    """
    root, operation = Path(order["root"]), OPERATIONS[order["operation"]]
    fault = Fault(kind=order["kind"], at=order["at"]) if order["at"] else None
    with Calls(root, fault) as calls, running(root, durability=order["durability"]) as live:
        client = live.client
        with armed(calls):
            answer = operation.does(client, order["facts"])
            if order["until_idle"]:
                until(lambda: not doomed(root))
        again = operation.does(client, order["facts"]).status if order["again"] else None
        tell(
            {
                "status": answer.status,
                "code": answer.code,
                "made": calls.made,
                "hit": calls.hit,
                "synced_again": calls.synced_again,
                "again": again,
                "put_later": put_later(client),
            }
        )


def put_later(client: Client) -> int:
    """The status of a put that comes after the fault."""
    path, body = f"/{BUCKET}/{LATER}", content(LATER, 5)
    return client.request("PUT", path, headers=marked(LATER), body=body).status
