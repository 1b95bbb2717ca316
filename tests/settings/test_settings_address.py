"""``host:port`` and the table of settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.address import Address, parse_address
from gateway.settings.model import Settings, in_order, named
from gateway.settings.table import settings_table


@pytest.mark.parametrize(
    ("text", "host", "port", "reachable"),
    [
        ("127.0.0.1:9000", "127.0.0.1", 9000, "127.0.0.1"),
        (":9000", "", 9000, "127.0.0.1"),
        ("9000", "127.0.0.1", 9000, "127.0.0.1"),
        ("0.0.0.0:1", "0.0.0.0", 1, "127.0.0.1"),
        ("[::]:0", "::", 0, "::1"),
        ("[::1]:80", "::1", 80, "::1"),
        ("s3.test:65535", "s3.test", 65535, "s3.test"),
    ],
)
def test_an_address_is_host_and_port(text: str, host: str, port: int, reachable: str) -> None:
    address = parse_address(text)
    assert address == Address(host=host, port=port)
    assert address.reachable_host == reachable
    assert parse_address(str(address)) == address


@given(st.text())
def test_anything_is_an_address_or_refused(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert 0 <= address.port <= 65535
    assert parse_address(str(address)) == address


def test_the_table_has_every_setting_with_its_meaning_and_names() -> None:
    rows = settings_table().splitlines()[2:]
    assert len(rows) == len(Settings.model_fields)
    for row, name in zip(rows, in_order(), strict=True):
        field = Settings.model_fields[name]
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 6, "a bar in a text breaks the table"
        assert cells[0] == f"`{name}`"
        assert named(name).env in cells[2]
        assert field.description
        assert cells[4] == field.description
        assert (cells[5] == "yes") == named(name).reloadable
