"""The plugin as people use it: installed, in a test suite that is not ours."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

pytest_plugins = ("pytester",)

SUITE = """
import boto3
import pytest

@pytest.fixture
def s3(s3front):
    s3front.create_bucket("photos")
    client = boto3.client("s3", **s3front.client_arguments())
    yield client
    client.close()

@pytest.mark.parametrize("turn", range(4))
def test_each_starts_with_nothing(turn, s3, s3front, worker_id):
    assert s3.list_objects_v2(Bucket="photos")["KeyCount"] == 0
    s3.put_object(Bucket="photos", Key="a", Body=b"1")
    s3front.faults.fail("GetObject", code="NoSuchKey", times=None)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="photos", Key="a")
    assert [one.operation for one in s3front.requests] == ["ListObjectsV2", "PutObject", "GetObject"]
    print("PORT", worker_id, s3front.port)
"""


@pytest.fixture(autouse=True)
def on_its_own(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of this suite's settings reaches the other one."""
    for name in list(os.environ):
        if name.startswith(("PYTEST_", "AWS_", "S3FRONT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    pytester.plugins = []
    yield
    monkeypatch.undo()


NOT_NEEDED = ("cacheprovider", "hypothesispytest", "timeout")


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """The suite in a process of its own, with every warning an error."""
    words = ["-W", "error", *(f"-pno:{name}" for name in NOT_NEEDED), *arguments]
    if "no:asyncio" not in arguments:
        words += ["-o", "asyncio_default_fixture_loop_scope=function"]
    return pytester.runpytest_subprocess(*words)


def ports(result: pytest.RunResult) -> dict[str, set[str]]:
    """By xdist worker."""
    found: dict[str, set[str]] = {}
    for line in result.outlines:
        if line.startswith("PORT "):
            _, worker, port = line.split()
            found.setdefault(worker, set()).add(port)
    return found


def test_one_server_serves_a_session(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = run(pytester, "-s", "-q")
    result.assert_outcomes(passed=4)
    assert [len(each) for each in ports(result).values()] == [1]


def test_each_worker_of_xdist_has_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    result = run(pytester, "-n", "2", "-rP")
    result.assert_outcomes(passed=4)
    found = ports(result)
    assert set(found) == {"gw0", "gw1"}
    assert len(found["gw0"] | found["gw1"]) == 2


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_coroutines_use_it_in_both_modes_of_pytest_asyncio(
    mode: str, pytester: pytest.Pytester
) -> None:
    marker = "@pytest.mark.asyncio" if mode == "strict" else ""
    fixture = "@pytest_asyncio.fixture" if mode == "strict" else "@pytest.fixture"
    pytester.makepyfile(f"""
        import asyncio
        import aiohttp
        import boto3
        import pytest
        import pytest_asyncio

        {fixture}
        async def url(s3front):
            s3front.create_bucket("photos")
            client = boto3.client("s3", **s3front.client_arguments())
            await asyncio.to_thread(client.put_object, Bucket="photos", Key="a", Body=b"hello")
            yield f"{{s3front.endpoint_url}}/photos/a"
            client.close()

        {marker}
        async def test_it_answers_who_shares_its_thread_with_nobody(url, s3front):
            async with aiohttp.ClientSession() as session:
                async with session.get(url) as answer:
                    assert answer.status == 403
            denied = await asyncio.to_thread(s3front.requests.wait_for, 1, "GetObject")
            assert denied[0].error_code == "AccessDenied"
    """)
    run(pytester, "-o", f"asyncio_mode={mode}").assert_outcomes(passed=1)


def test_the_environment_leads_to_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-somebody")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "left-over")
    pytester.makepyfile("""
        import os
        import subprocess
        import sys
        import boto3
        import pytest

        PROGRAM = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'][0]['Name'])"

        @pytest.mark.parametrize("turn", range(2))
        def test_clients_without_arguments(turn, s3front, s3front_environment):
            s3front.create_bucket(f"photos-{turn}")
            client = boto3.client("s3")
            names = [one["Name"] for one in client.list_buckets()["Buckets"]]
            client.close()
            assert names == [f"photos-{turn}"]

        def test_programs(s3front, s3front_environment):
            s3front.create_bucket("photos")
            assert os.environ["AWS_ENDPOINT_URL_S3"] == s3front.endpoint_url
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True
            )
            assert done.stdout == "photos\\n"

        def test_it_is_put_back():
            assert os.environ["AWS_PROFILE"] == "of-somebody"
            assert "AWS_ENDPOINT_URL_S3" not in os.environ
    """)
    run(pytester).assert_outcomes(passed=4)


def test_its_fixtures_are_listed_with_what_they_give(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--fixtures")
    for name in ("s3front", "s3front_server", "s3front_environment"):
        result.stdout.fnmatch_lines([f"{name}*", "    *server*"])


def test_a_suite_that_does_not_use_it_imports_none_of_the_server(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("""
        import sys

        def test_nothing_heavy_is_there(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("s3front")
            for name in ("httptools", "apsw", "awscrt", "pydantic", "lxml", "gateway.dispatch"):
                assert name not in sys.modules, name
    """)
    run(pytester, "-p", "no:asyncio").assert_outcomes(passed=1)


def test_it_can_be_left_out(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(s3front): ...")
    run(pytester, "-p", "no:s3front").assert_outcomes(errors=1)


def test_the_package_needs_no_pytest() -> None:
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "import unittest\nfrom gateway.testing import S3Front\n"
        "with S3Front() as front: print(front.port)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) > 0
