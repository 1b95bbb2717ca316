"""One ``Settings`` from all sources: flag, then environment, then file, then default."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.settings.model import Settings, named
from gateway.settings.problems import Problem, SettingsError
from gateway.settings.sources import (
    FILE_VARIABLE,
    Source,
    anchored,
    is_path,
    read_environment,
    read_file,
)

DEFAULT_FILE = "s3front.toml"
DEFAULT_FOLDER = "data"
HOME_STORAGE = "disk"
"""Name of the storage that ``s3front serve DIR`` makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Settings, where each was given, and what is to be told once about them."""

    settings: Settings
    origins: Mapping[str, str]
    """By field; a field that is missing has its default."""
    notices: Sequence[str]
    warnings: Sequence[str]
    file: Path | None


def load(
    *,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    folder: Path | None = None,
    file: Path | None = None,
) -> Loaded:
    """Merge and validate. ``flags`` by field, only those that were given.

    ``folder`` is the data directory of ``serve DIR``; with it no file is read. Without both, the
    file is ``S3FRONT_CONFIG`` or ``./s3front.toml`` if that exists, else the folder is ``./data``.
    A list or one storage in a higher source replaces that of a lower one whole.
    Raises SettingsError with every problem found.
    """
    if folder is not None and file is not None:
        raise SettingsError(
            [
                Problem(
                    key="serve",
                    wrong="both a directory and a configuration file are given.",
                    fix="Give one: a storage's directory is `root` in the file.",
                )
            ]
        )
    if folder is None:
        file = file or _default_file(environ)
    sources = [read_file(file, environ)] if file is not None else []
    sources += [read_environment(environ), _read_flags(flags, folder)]
    merged = _merge(sources)
    problems = list(merged.problems)
    settings = None
    try:
        settings = Settings.model_validate(merged.tree)
    except ValidationError as error:
        # What could not be read is told once, not again as missing or empty.
        told = {problem.key for problem in problems}
        found = [_problem(details, merged.origins) for details in error.errors()]
        problems += [problem for problem in found if problem.key not in told]
    if settings is None or problems:
        raise SettingsError(problems)
    return Loaded(
        settings=settings,
        origins={path[0]: origin for path, origin in merged.origins.items()},
        notices=tuple(merged.notices),
        warnings=tuple(merged.warnings),
        file=file,
    )


def _default_file(environ: Mapping[str, str]) -> Path | None:
    if environ.get(FILE_VARIABLE):
        return Path(environ[FILE_VARIABLE])
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else None


def _read_flags(flags: Mapping[str, Any], folder: Path | None) -> Source:
    source = Source()
    for name, value in flags.items():
        given = anchored(value, Path.cwd()) if is_path((name,)) else value
        source.tree[name] = given
        source.origins[(name,)] = named(name).flag or name
    if folder is not None:
        root = str(folder.expanduser().absolute())
        source.tree["storages"] = {HOME_STORAGE: {"type": "local", "root": root}}
        source.origins["storages", HOME_STORAGE] = "DIR"
        source.tree["default_storage"] = flags.get("default_storage", HOME_STORAGE)
    return source


def _merge(sources: Sequence[Source]) -> Source:
    merged = Source()
    for source in sources:
        for name, value in source.tree.items():
            if name == "storages" and isinstance(value, dict):
                storages = merged.tree.setdefault("storages", {})
                if isinstance(storages, dict):
                    storages.update(value)
                continue
            merged.tree[name] = value
        for path in source.origins:
            for older in [known for known in merged.origins if known[: len(path)] == path]:
                del merged.origins[older]
        merged.origins.update(source.origins)
        merged.problems += source.problems
        merged.notices += source.notices
        merged.warnings += source.warnings
    if not merged.tree.get("storages"):
        root = str(Path(DEFAULT_FOLDER).absolute())
        merged.tree["storages"] = {HOME_STORAGE: {"type": "local", "root": root}}
    return merged


_FIXES = {
    "int_parsing": "Write a whole number.",
    "int_type": "Write a whole number.",
    "int_from_float": "Write a whole number.",
    "float_parsing": "Write a number.",
    "float_type": "Write a number.",
    "string_type": "Write a text in quotes.",
    "tuple_type": "Write a list.",
    "missing": "Add it.",
    "extra_forbidden": "Remove it.",
}
_TABLES = {
    "storages": "Write a table: [storages.NAME] with type and what that type needs.",
    "buckets": "Write a name, or a table: [[buckets]] with name.",
}


def _problem(details: ErrorDetails, origins: Mapping[tuple[str, ...], str]) -> Problem:
    at = tuple(str(step) for step in details["loc"])
    context = details.get("ctx", {})
    if details["type"] == "refused":
        at = at or (str(context["key"]),)
        return Problem(
            key=_written(at, origins), wrong=str(context["wrong"]), fix=str(context["fix"])
        )
    wrong = details["msg"].rstrip(".")
    fix = _FIXES.get(details["type"], "")
    if details["type"] == "literal_error":
        wrong = f"{details['input']!r} is none of its values"
        fix = f"Write one of {context['expected']}."
    elif details["type"] in {"greater_than_equal", "less_than_equal"}:
        bound = context.get("ge", context.get("le"))
        fix = f"Write {bound:g} or {'more' if 'ge' in context else 'less'}."
    elif details["type"] in {"dict_type", "model_type", "model_attributes_type"}:
        wrong, fix = "it is no table", _TABLES.get(at[0], "Write a table with its keys.")
    return Problem(
        key=_written(at, origins), wrong=f"{wrong[0].lower()}{wrong[1:]}.", fix=fix or "Correct it."
    )


def _written(at: tuple[str, ...], origins: Mapping[tuple[str, ...], str]) -> str:
    """The key as the user wrote it, else by its name and flag."""
    for length in range(len(at), 0, -1):
        origin = origins.get(at[:length])
        if origin is not None:
            # In the environment and in a flag a list is one text: there is no path into it.
            in_file = origin.startswith(f"{at[0]} in ")
            return ".".join(at) + origin.removeprefix(at[0]) if in_file else origin
    if len(at) == 1:
        flag = named(at[0]).flag
        return f"{at[0]} ({flag})" if flag else f"{at[0]} ({named(at[0]).env})"
    return ".".join(at)
