"""The examples of the documentation, run as they stand."""

import re
import sys
from pathlib import Path

import pytest

from tests.clients.endpoint import ROOT, Endpoint
from tests.clients.programs import program, run

_BLOCK = r"<!-- example: {name} -->\n```[a-z]+\n(.*?)```"
_PRINTED_ADDRESS = "http://127.0.0.1:9000"


def _example(name: str, endpoint: Endpoint) -> str:
    found = re.search(_BLOCK.format(name=name), (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None, f"README.md has no example of {name}"
    assert _PRINTED_ADDRESS in found[1]
    return found[1].replace(_PRINTED_ADDRESS, endpoint.url)


def _environment(endpoint: Endpoint, home: Path, path: str) -> dict[str, str]:
    return {
        "HOME": str(home),
        "PATH": f"{path}:/usr/bin:/bin",
        "AWS_ACCESS_KEY_ID": endpoint.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
        "AWS_REGION": endpoint.region,
        "AWS_DEFAULT_REGION": endpoint.region,
    }


@pytest.mark.usefixtures("only_s3front")
@pytest.mark.parametrize("client", ["aws-debian", "awscli"])
def test_the_aws_example_of_the_readme_works(
    client: str, endpoint: Endpoint, home: Path, work: Path
) -> None:
    script = _example("aws", endpoint)
    bucket = f"photos-{client}"
    script = script.replace("s3://photos", f"s3://{bucket}")
    # The keys are those the server printed; here they are in the environment already.
    script, count = re.subn(r"export AWS_ACCESS_KEY_ID=\.\.\..*\n", "", script)
    assert count == 1
    (work / "README.md").write_text("read me")
    place = str(program(client).parent)
    done = run(
        ["bash", "-euo", "pipefail", "-c", script],
        environment=_environment(endpoint, home, place),
        folder=work,
    ).succeeded()
    assert "README.md" in done.text.splitlines()[-1]


@pytest.mark.usefixtures("only_s3front")
def test_the_boto3_example_of_the_readme_works(endpoint: Endpoint, home: Path, work: Path) -> None:
    done = run(
        [sys.executable, "-c", _example("boto3", endpoint)],
        environment=_environment(endpoint, home, ""),
        folder=work,
    ).succeeded()
    assert done.text == "hello\n"
