"""Results in a page: between marks, with what they need to be believed."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path


def put_into(page: Path, name: str, text: str) -> None:
    """Replace what stands between the marks of ``name`` in the page. Raises ValueError."""
    before = page.read_text()
    place = rf"(?<=<!-- {name}: generated, do not edit -->\n).*?(?=<!-- /{name} -->)"
    parts = re.split(place, before, flags=re.DOTALL)
    if len(parts) != 2:
        raise ValueError(f"{page} has no place for {name}")
    page.write_text(f"{parts[0]}\n{text.strip()}\n\n{parts[1]}")


def heading(command: str, about: Mapping[str, str], began: str) -> str:
    """What a table needs to be believed: the command, the time, the machine, the versions."""
    first = f"Run of {began} UTC: `{command}`"
    if not about:
        return first
    return "\n".join([first, "", *(f"- {name}: {value}" for name, value in about.items())])


def minute(when: datetime) -> str:
    """A time as headings have it."""
    return f"{when:%Y-%m-%d %H:%M}"
