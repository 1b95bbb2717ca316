"""``s3front``: the group of commands. Starts fast: a command is imported when it is called."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Where a command is, and what ``--help`` says of it without importing it."""

    module: str
    attribute: str
    help: str
    serves: bool = False
    """It starts workers: one can begin while we still read the settings."""


COMMANDS: Mapping[str, Deferred] = {
    "serve": Deferred(
        module="gateway.cli.serve",
        attribute="serve",
        help="Serve a directory or a configuration.",
        serves=True,
    ),
    "server": Deferred(
        module="gateway.cli.serve",
        attribute="server",
        help="The same as serve, for MinIO's habit: server DIR.",
        serves=True,
    ),
    "dev": Deferred(
        module="gateway.cli.dev",
        attribute="dev",
        help="Serve from memory, for development and tests: nothing is kept.",
    ),
    "healthcheck": Deferred(
        module="gateway.cli.healthcheck",
        attribute="healthcheck",
        help="Exit 0 if the server is ready, else 1. Needs no curl.",
    ),
    "check": Deferred(
        module="gateway.cli.check",
        attribute="check",
        help="Compare the catalog with what is stored; the server may run.",
    ),
    "storage": Deferred(
        module="gateway.cli.storage",
        attribute="storage",
        help="Show the storages, and try whether they work.",
    ),
    "index": Deferred(
        module="gateway.cli.index",
        attribute="index",
        help="Make objects of what others put into a bucket behind a network.",
    ),
    "config": Deferred(
        module="gateway.cli.config", attribute="config", help="Check and show the settings."
    ),
    "backup": Deferred(
        module="gateway.cli.backup",
        attribute="backup",
        help="Copy everything to a second directory, while serving.",
    ),
    "restore": Deferred(
        module="gateway.cli.backup",
        attribute="restore",
        help="Copy a backup to a new directory.",
    ),
    "rebuild": Deferred(
        module="gateway.cli.rebuild",
        attribute="rebuild",
        help="Make the catalog anew from a snapshot and the files.",
    ),
    "version": Deferred(
        module="gateway.cli.version", attribute="version", help="Print the version."
    ),
    "completion": Deferred(
        module="gateway.cli.completion",
        attribute="completion",
        help="Print the completion script of a shell.",
    ),
}


_EXAMPLES = """\b
Examples:
  s3front serve                    ./s3front.toml if there is one, else ./data
  s3front serve ./photos           its folders become buckets
  s3front serve -c s3front.toml    several storages, all settings
  s3front dev -- npm test          a server for the tests of an application
  s3front healthcheck              is it ready? (for containers)
  s3front config show              which settings are in force, and why
"""


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        deferred = COMMANDS.get(args[0])
        if deferred is not None and deferred.serves and not {"-h", "--help"} & set(args):
            ctx.obj = _worker_ahead(ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        deferred = COMMANDS.get(cmd_name)
        if deferred is None:
            return None
        command: click.Command = getattr(
            importlib.import_module(deferred.module), deferred.attribute
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, deferred.help) for name, deferred in COMMANDS.items()])


def _worker_ahead(ctx: click.Context) -> object:
    from gateway.launch import Launched  # noqa: PLC0415

    process = Launched()
    ctx.call_on_close(process.discard)
    return process


def _print_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from gateway.cli.version import installed_version  # noqa: PLC0415

        click.echo(f"s3front {installed_version()}")
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EXAMPLES,
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def main() -> None:
    """One S3 endpoint in front of any storage."""


if __name__ == "__main__":
    main(prog_name="s3front")
