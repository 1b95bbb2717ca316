"""Environment and file as trees of plain values, with what was odd about them.

A *leaf* of a tree is addressed by its path: ``("storages", "nas", "root")``. Origins tell how the
user wrote each of them, for the text of a ``Problem``.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.settings.model import Settings, named
from gateway.settings.problems import Problem

PREFIX = "S3FRONT_"
FILE_VARIABLE = "S3FRONT_CONFIG"
"""Environment variable that names the file; the flag ``-c`` goes before it."""

_LARGEST = 64 * 1024
_REFERENCE = re.compile(r"\$(\$|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_STORAGES = "S3FRONT_STORAGES__"


@dataclass(slots=True, kw_only=True)
class Source:
    """What one source says."""

    tree: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[str, ...], str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """Worth one log line each."""
    warnings: list[str] = field(default_factory=list)


def read_environment(environ: Mapping[str, str]) -> Source:
    """The ``S3FRONT_*`` variables, their ``_FILE`` forms, and MinIO's names for those of ours.

    An empty variable counts as not set, as compose files write it. Unknown names are warned about
    with the nearest one.
    """
    source = Source()
    fields = {named(name).env: name for name in Settings.model_fields if name != "storages"}
    _read_minio(environ, source)
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable == FILE_VARIABLE or not environ[variable]:
            continue
        plain = variable.removesuffix("_FILE")
        if variable in fields:
            _put(source, (fields[variable],), variable, environ[variable])
        elif plain != variable and (plain in fields or _storage_path(plain)):
            if environ.get(plain):
                source.problems.append(
                    Problem(key=variable, wrong=f"{plain} is set too.", fix="Set only one of them.")
                )
                continue
            path = (fields[plain],) if plain in fields else _storage_path(plain)
            source.origins[path] = variable
            text = _read_referenced(source, variable, Path(environ[variable]))
            if text is not None:
                _put(source, path, variable, text)
        elif _storage_path(variable):
            _put(source, _storage_path(variable), variable, environ[variable])
        else:
            source.warnings.append(_unknown(variable, [*fields, FILE_VARIABLE]))
    return source


def read_file(path: Path, environ: Mapping[str, str]) -> Source:
    """A TOML file. ``${NAME}`` in a text is that variable (``$$`` a dollar sign); a text that is
    ``file:PATH`` is the content of that file without its last line end. Relative paths are
    relative to the file's folder."""
    source = Source()
    try:
        with path.open("rb") as stream:
            tree = tomllib.load(stream)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        source.problems.append(
            Problem(key=str(path), wrong=f"it is no TOML: {error}.", fix="Correct that line.")
        )
        return source
    except OSError as error:
        source.problems.append(
            Problem(
                key=str(path),
                wrong=f"it cannot be read: {error.strerror}.",
                fix="Name a readable file with -c FILE.",
            )
        )
        return source
    references = _References(path, environ, source)
    for key, value in tree.items():
        if key not in Settings.model_fields:
            source.problems.append(_unknown_key(path, key))
            continue
        source.tree[key] = references.resolve((key,), value)
        source.origins[(key,)] = f"{key} in {path}"
    return source


class _References:
    """Replaces references in the texts of one file."""

    def __init__(self, file: Path, environ: Mapping[str, str], source: Source) -> None:
        self._file = file
        self._environ = environ
        self._source = source

    def resolve(self, at: tuple[str, ...], value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.resolve((*at, key), item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve((*at, str(index)), item) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        text = _REFERENCE.sub(lambda match: self._variable(at, match), value)
        if value.startswith("file:"):
            where = self._file.parent / text.removeprefix("file:")
            return _read_referenced(self._source, self._key(at), where)
        if is_path(at):
            return anchored(text, self._file.parent.absolute())
        return text

    def _variable(self, at: tuple[str, ...], match: re.Match[str]) -> str:
        name = match[2]
        if name is None:
            return "$"
        if name not in self._environ:
            self._source.problems.append(
                Problem(
                    key=self._key(at),
                    wrong=f"the environment variable {name} is not set.",
                    fix=f"Set {name}, or write $${{{name}}} if the text is meant.",
                )
            )
            return ""
        return self._environ[name]

    def _key(self, at: tuple[str, ...]) -> str:
        return f"{'.'.join(at)} in {self._file}"


def is_path(at: tuple[str, ...]) -> bool:
    """Whether the setting names a file or folder, relative to where it was written."""
    return at in {("tls_cert",), ("tls_key",), ("catalog",)} or (
        len(at) == 3 and at[0] == "storages" and at[2] in {"root", "cache_directory"}
    )


def anchored(text: str, folder: Path) -> str:
    """A path made absolute; a URL of a catalog is left as it is."""
    if not text or re.match(r"[a-z][a-z0-9+]*:", text):
        return text
    return str(folder / Path(text).expanduser())


def _read_minio(environ: Mapping[str, str], source: Source) -> None:
    read = []
    for name in Settings.model_fields:
        ours, minio = named(name).env, named(name).minio
        if minio is None or environ.get(ours) or environ.get(f"{ours}_FILE"):
            continue
        for variable in (minio, f"{minio}_FILE"):
            if not environ.get(variable):
                continue
            value: str | None = environ[variable]
            if variable != minio:
                value = _read_referenced(source, variable, Path(environ[variable]))
            if value is not None:
                _put(source, (name,), variable, value)
                read.append(f"{variable} as {ours}")
            break
    if read:
        source.notices.append(f"MinIO's names are understood: {', '.join(read)}")


def _storage_path(variable: str) -> tuple[str, ...]:
    if not variable.startswith(_STORAGES):
        return ()
    name, _, option = variable.removeprefix(_STORAGES).partition("__")
    return ("storages", name.lower(), option.lower()) if name and option else ()


def _put(source: Source, path: tuple[str, ...], variable: str, value: str) -> None:
    tree = source.tree
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
    tree[path[-1]] = anchored(value, Path.cwd()) if is_path(path) else value
    source.origins[path] = variable


def _read_referenced(source: Source, key: str, path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST + 1)
        text = raw.decode()
    except OSError as error:
        wrong = f"the file {path} cannot be read: {error.strerror}."
        fix = f"Make it readable for uid {os.getuid()}, or name another file."
    except UnicodeDecodeError:
        wrong, fix = f"the file {path} holds no UTF-8 text.", "Write the value into it as text."
    else:
        if len(raw) <= _LARGEST:
            return text.removesuffix("\n").removesuffix("\r")
        wrong, fix = f"the file {path} is larger than 64 KiB.", "Name the file of the value alone."
    source.problems.append(Problem(key=key, wrong=wrong, fix=fix))
    return None


def _unknown(variable: str, known: list[str]) -> str:
    candidates = [*known, *(f"{name}_FILE" for name in known if name != FILE_VARIABLE)]
    nearest = difflib.get_close_matches(variable, candidates, n=1, cutoff=0.6)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    return f"{variable} is no setting and is ignored{hint}"


def _unknown_key(path: Path, key: str) -> Problem:
    nearest = difflib.get_close_matches(key, list(Settings.model_fields), n=1, cutoff=0.6)
    fix = (
        f"Did you mean {nearest[0]}?" if nearest else "Remove it; `s3front config show` lists all."
    )
    return Problem(key=f"{key} in {path}", wrong="there is no such setting.", fix=fix)
