"""What a newcomer sees first: endpoint, keys, and a line to paste."""

import shlex

import click

from gateway.server.start import Started
from gateway.settings.address import Address


def banner(started: Started, version: str) -> str:
    """The text, styled for a terminal; ``click.echo`` takes the style away elsewhere.

    The secret is in it only when it was generated just now; later the text tells the file.
    """
    storages = ", ".join(f"{name} ({where})" for name, where in started.storages.items())
    kept = started.kept
    rows = [("Endpoint", click.style(started.endpoint, bold=True)), ("Storage", storages)]
    if kept is None:
        rows.append(("Access key", f"{started.credentials.root_access_key} (from the settings)"))
    elif kept.generated:
        rows += [
            ("Access key", click.style(started.credentials.root_access_key, bold=True)),
            ("Secret key", click.style(started.credentials.root_secret_key, bold=True)),
            ("", f"shown this once, kept in {kept.file}"),
        ]
    else:
        rows.append(("Keys", f"in {kept.file}"))
    if started.metrics is not None:
        metrics = Address(host=started.metrics.reachable_host, port=started.metrics.port)
        rows.append(("Metrics", f"http://{metrics}/metrics"))
    lines = [click.style(f"S3front {version} is ready.", fg="green", bold=True), ""]
    lines += [f"  {label:<11} {value}".rstrip() for label, value in rows]
    lines += ["", "  Try it:"]
    lines += [f"    {line}" for line in _commands(started)]
    return "\n".join([*lines, ""])


def _commands(started: Started) -> list[str]:
    kept = started.kept
    if kept is None:
        keys = [
            f"export AWS_ACCESS_KEY_ID={_reference(started.given[0])}",
            f"export AWS_SECRET_ACCESS_KEY={_reference(started.given[1])}",
        ]
    elif kept.generated:
        keys = [
            f"export AWS_ACCESS_KEY_ID={started.credentials.root_access_key}",
            f"export AWS_SECRET_ACCESS_KEY={started.credentials.root_secret_key}",
        ]
    else:
        keys = [f"export AWS_SHARED_CREDENTIALS_FILE={shlex.quote(str(kept.file))}"]
    return [
        *keys,
        f"export AWS_DEFAULT_REGION={started.region}",
        f"aws --endpoint-url {started.endpoint} s3 ls",
    ]


def _reference(origin: str) -> str:
    """How a shell finds a value that was given there; dots if only the configuration file has it."""
    if " in " in origin:
        return "..."
    return f'"$(cat "${origin}")"' if origin.endswith("_FILE") else f'"${origin}"'
