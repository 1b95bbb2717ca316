"""What all the programs here are asked by: ``PROGRAM CASE BUCKET``, the endpoint in the environment."""

import os
import random
import sys
import urllib.request
from collections.abc import Callable, Mapping

ENDPOINT = os.environ["S3_ENDPOINT"]
ACCESS_KEY = os.environ["AWS_ACCESS_KEY_ID"]
SECRET_KEY = os.environ["AWS_SECRET_ACCESS_KEY"]
REGION = os.environ["AWS_REGION"]
MIB = 1024 * 1024


def content(size: int) -> bytes:
    """``size`` bytes that do not repeat, always the same."""
    return random.Random(size).randbytes(size)


def fetched(url: str) -> bytes:
    """What anybody gets at an address, without keys."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        body: bytes = answer.read()
        return body


def main(cases: Mapping[str, Callable[[str], None]]) -> None:
    """Do the case that the command line names, in the bucket it names."""
    _, name, bucket = sys.argv
    cases[name](bucket)
