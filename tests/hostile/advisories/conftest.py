"""The advisory a test is run for."""

import pytest

from tests.hostile.advisories.table import BY_ID, Advisory


@pytest.fixture
def advisory(request: pytest.FixtureRequest) -> Advisory:
    """Its row; a test for one that is in no row cannot run."""
    return BY_ID[request.param]
