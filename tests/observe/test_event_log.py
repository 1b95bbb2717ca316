"""Events of structlog and of ``logging`` end as single lines in the sink."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.observe.log import access_form, configure, line_form
from gateway.observe.sink import Sink


class Lines(Sink):
    """A sink that keeps what it is given."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.kept: list[str] = []
        self.terminal = terminal

    def put(self, line: str) -> None:
        self.kept.append(line)


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield Lines()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def test_json_events_are_one_line_each(lines: Lines) -> None:
    configure(lines, form="json", level="info")
    structlog.get_logger("x").warning("two\nlines", key="\x1b[2J\x7f", path=b"\xff")
    assert len(lines.kept) == 1
    assert lines.kept[0].count("\n") == 1
    assert "\x7f" not in lines.kept[0]
    event = json.loads(lines.kept[0])
    assert event["level"] == "warning"
    assert event["event"] == "two\nlines"
    assert event["key"] == "\x1b[2J\x7f"


def test_text_events_escape_what_they_are_given(lines: Lines) -> None:
    configure(lines, form="text", level="info")
    structlog.get_logger().info("hello\n2026 ERROR forged", who="a b\x1b")
    assert lines.kept[0].count("\n") == 1
    assert "INFO hello\\x0a2026 ERROR forged" in lines.kept[0]
    assert 'who="a b\\x1b"' in lines.kept[0]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_is_logged_whole(lines: Lines, form: str) -> None:
    configure(lines, form="json" if form == "json" else "text", level="info")
    try:
        int("broken")
    except ValueError:
        structlog.get_logger().exception("failed")
    assert "ValueError: invalid literal" in lines.kept[0]
    assert "test_event_log.py" in lines.kept[0]


def test_the_level_is_kept_and_can_change(lines: Lines) -> None:
    log = structlog.get_logger()
    configure(lines, form="json", level="warning")
    log.info("unheard")
    configure(lines, form="json", level="debug")
    log.debug("heard")
    assert [json.loads(line)["event"] for line in lines.kept] == ["heard"]


def test_events_of_libraries_come_the_same_way_and_once(lines: Lines) -> None:
    configure(lines, form="json", level="info")
    configure(lines, form="json", level="info")
    logging.getLogger("asyncio").error("slow %s", "callback")
    assert len(lines.kept) == 1
    event = json.loads(lines.kept[0])
    assert (event["event"], event["logger"], event["level"]) == (
        "slow callback",
        "asyncio",
        "error",
    )


def test_the_form_follows_the_terminal_unless_told() -> None:
    terminal, pipe = Lines(terminal=True), Lines()
    assert line_form("auto", terminal) == "text"
    assert line_form("auto", pipe) == "json"
    assert line_form("json", terminal) == "json"
    assert access_form("off", terminal) == "off"
    assert line_form("off", terminal) == "text"
    assert access_form("auto", pipe) == "json"
