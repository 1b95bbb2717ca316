"""``python -m tests.crash.traced ROOT FACTS``: every operation once; what was counted, to be compared.

Run under strace. Before and after what counts a path is looked up that is not there, which strace
sees.
"""

import json
import sys
from pathlib import Path

from tests.crash.calls import Calls, armed
from tests.crash.operations import OPERATIONS
from tests.live.server import running

BEGIN, END = "/it-begins-here", "/it-ends-here"


def main(root: Path, facts: str) -> None:
    with Calls(root, None) as calls, running(root, durability="full") as live:
        Path(BEGIN).exists()
        with armed(calls):
            for name, operation in OPERATIONS.items():
                answer = operation.does(live.client, json.loads(facts))
                assert answer.status < 300, (name, answer)
        Path(END).exists()
    print(json.dumps(calls.made))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
