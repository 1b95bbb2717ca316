"""aiobotocore, in a process of its own since it pins another botocore."""

from pathlib import Path

import pytest

from tests.clients.bodies import MIB, content, sha256
from tests.clients.endpoint import Endpoint
from tests.clients.programs import program, run

SCRIPT = Path(__file__).parent / "python/aiobotocore_session.py"


@pytest.mark.timeout(120)
def test_it_writes_lists_reads_and_deletes(
    endpoint: Endpoint, bucket: str, home: Path, work: Path
) -> None:
    data = content(6 * MIB)
    done = run(
        [program("aiobotocore"), SCRIPT, bucket],
        environment=endpoint.environment(home),
        folder=work,
        stdin=data,
        timeout_s=90,
    ).succeeded()
    assert done.json() == {
        "keys": [f"many/{number:02}" for number in range(20)],
        "bodies": [f"body {number}" for number in range(20)],
        "multipart": sha256(data + b"end"),
        "missing": "NoSuchKey",
        "presigned": 200,
        "left": 0,
    }
