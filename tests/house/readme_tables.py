"""The generated parts of README.md. ``python -m tests.house.readme_tables`` writes them."""

import re
from pathlib import Path

from gateway.operations import OPERATIONS
from gateway.settings.table import settings_table

README = Path(__file__).parents[2] / "README.md"


def operations_table() -> str:
    """Every operation of S3, and whether it is built."""
    lines = ["| operation | method and selectors | IAM action | built |", "|---|---|---|---|"]
    for row in sorted(OPERATIONS, key=lambda row: (row.serve is None, row.name)):
        selectors = [
            f"{name}={value}" if value else name for name, value in sorted(row.query.items())
        ]
        query = "?" + "&".join(selectors) if selectors else ""
        headers = "".join(f" `{name}`" for name in row.headers)
        built = "yes" if row.serve is not None else "501"
        lines.append(
            f"| {row.name} | `{row.method} {row.scope.value}{query}`{headers} "
            f"| `{row.action}` | {built} |"
        )
    return "\n".join(lines)


def with_tables(text: str) -> str:
    """README with its generated parts made anew."""
    for name, table in (("settings", settings_table()), ("operations", operations_table())):
        place = rf"(?<=<!-- {name}: generated, do not edit -->\n).*?(?=<!-- /{name} -->)"
        parts = re.split(place, text, flags=re.DOTALL)
        if len(parts) != 2:
            raise ValueError(f"README.md has no place for the table of {name}")
        text = f"{parts[0]}\n{table.strip()}\n\n{parts[1]}"
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text()))
