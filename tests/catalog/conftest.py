"""The catalogs that pass the behaviour suite."""

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from backends.interface import Can
from gateway.catalog.interface import Catalog
from gateway.catalog.placing import Placing
from gateway.catalog.records import Bucket
from gateway.catalog.sqlite import SqliteCatalog
from tests.catalog.shelf import Shelf
from tests.catalog.versions import new_bucket

MAKE: dict[str, Callable[[Path, Mapping[str, Placing]], Catalog]] = {
    "sqlite": lambda path, placings: SqliteCatalog(
        path / "catalog.db", placings=placings, durable=False
    ),
    "sqlite durable": lambda path, placings: SqliteCatalog(
        path / "catalog.db", placings=placings, durable=True
    ),
}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def folding() -> Shelf:
    return Shelf(fold=str.casefold)


@pytest.fixture(params=MAKE)
def make(
    request: pytest.FixtureRequest, tmp_path: Path, shelf: Shelf, folding: Shelf
) -> Callable[[], Catalog]:
    """Makes a catalog that is not open yet; each time another one of the same data."""
    placings = {
        "disk": shelf,
        "folding": folding,
        "cloud": Shelf(can=Can.CREATE),
        "folding cloud": Shelf(can=Can.CREATE, fold=str.casefold),
        "tree cloud": Shelf(can=Can.CREATE | Can.TREE),
    }
    return lambda: MAKE[request.param](tmp_path, placings)


@pytest.fixture
async def catalog(make: Callable[[], Catalog]) -> AsyncIterator[Catalog]:
    catalog = make()
    await catalog.open()
    yield catalog
    await catalog.aclose()


@pytest.fixture
async def bucket(catalog: Catalog) -> Bucket:
    return await new_bucket(catalog)
