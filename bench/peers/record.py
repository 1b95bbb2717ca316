"""A run as lines of JSON: what it ran on, then its samples."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.page import heading
from bench.peers.load import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What its figures need to be believed."""

    command: str
    began: str
    """Day and minute, UTC."""
    about: Mapping[str, str]

    def line(self) -> str:
        """As one line of JSON."""
        return json.dumps({"run": asdict(self)})


def read(files: Iterable[Path]) -> tuple[list[Run], list[Sample]]:
    """The runs whose lines these files hold, and all their samples."""
    runs, samples = [], []
    for file in files:
        for line in file.read_text().splitlines():
            fields: dict[str, Any] = json.loads(line)
            if "run" in fields:
                runs.append(Run(**fields["run"]))
            else:
                samples.append(_sample(fields))
    return runs, samples


def _sample(fields: dict[str, Any]) -> Sample:
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = tuple(value)
    return Sample(**fields)


def headings(runs: Sequence[Run]) -> str:
    """The command and time of each run, and once for all that share it what they ran on."""
    shown: list[str] = []
    grouped: list[list[Run]] = []
    for run in runs:
        same = next((group for group in grouped if group[0].about == run.about), None)
        if same is None:
            grouped.append([run])
        else:
            same.append(run)
    for group in grouped:
        shown += [heading(run.command, {}, run.began) for run in group[:-1]]
        shown.append(heading(group[-1].command, group[-1].about, group[-1].began))
    return "\n\n".join(shown)
