"""The tables of a mirror's ledger."""

import secrets

from apsw import Connection

_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS numbers (last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS paths (
    path TEXT PRIMARY KEY, generation INTEGER NOT NULL, size INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL, live INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS copies (
    path TEXT NOT NULL, member TEXT NOT NULL, state INTEGER NOT NULL,
    size INTEGER, stamp TEXT, token INTEGER, process TEXT,
    touched INTEGER NOT NULL, fresh INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    since_ns INTEGER NOT NULL, due_ns INTEGER NOT NULL,
    PRIMARY KEY (path, member)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting ON copies (member, due_ns) WHERE state != 0;
CREATE INDEX IF NOT EXISTS changing ON copies (process) WHERE token IS NOT NULL;
"""
# A copy that is ``fresh`` was not touched before the call that has its token.


class UnknownFormat(Exception):
    """The file was written by another version."""


def make(connection: Connection) -> None:
    """Where they are not there yet. Raises UnknownFormat, apsw.Error."""
    format = connection.pragma("user_version")
    if format not in {0, _FORMAT}:
        raise UnknownFormat(
            f"it has format {format}, which this version does not know; start the version that "
            "wrote it"
        )
    connection.execute(_TABLES)
    connection.execute(f"PRAGMA user_version = {_FORMAT}")
    connection.execute(
        "INSERT INTO facts VALUES ('name', ?) ON CONFLICT DO NOTHING", (secrets.token_hex(16),)
    )
    connection.execute("INSERT INTO numbers SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM numbers)")
