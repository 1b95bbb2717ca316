"""Seeds of randomised tests: printed, so that a run can be had again."""

import os
import random

VARIABLE = "S3FRONT_TEST_SEED"


def seed(what: str) -> int:
    """The seed that ``S3FRONT_TEST_SEED`` gives, else a new one; printed with the way to replay it."""
    given = os.environ.get(VARIABLE)
    chosen = int(given) if given else random.SystemRandom().randrange(2**32)
    print(f"{what}: replay with {VARIABLE}={chosen}")
    return chosen
