"""Seeds of randomised tests: printed, so that a run can be had again.

Without ``S3FRONT_TEST_SEED`` they are the same each time, those of hypothesis too: ``make test`` says the
same of the same code. ``make soak`` sets it to ``new``: other numbers each time.
"""

import os
import random

VARIABLE = "S3FRONT_TEST_SEED"
NEW = "new"


def draws_new_numbers() -> bool:
    """Whether each run is to be another one."""
    return os.environ.get(VARIABLE) == NEW


def seed(what: str) -> int:
    """The seed that ``S3FRONT_TEST_SEED`` gives; printed with the way to replay it."""
    given = os.environ.get(VARIABLE) or "1"
    chosen = random.SystemRandom().randrange(2**32) if draws_new_numbers() else int(given)
    print(f"{what}: replay with {VARIABLE}={chosen}")
    return chosen
