"""``s3front completion SHELL``."""

import click
from click.shell_completion import get_completion_class

_EXAMPLES = """\b
Examples:
  s3front completion bash > ~/.local/share/bash-completion/completions/s3front
  s3front completion zsh > ~/.zfunc/_s3front
  s3front completion fish > ~/.config/fish/completions/s3front.fish
"""


@click.command(epilog=_EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    script = get_completion_class(shell)
    root = ctx.find_root().command
    if script is None:
        raise click.ClickException(f"There is no completion for {shell}.")
    click.echo(script(root, {}, "s3front", "_S3FRONT_COMPLETE").source())
