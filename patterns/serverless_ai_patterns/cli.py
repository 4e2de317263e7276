"""The command line. Other packages add commands through the entry point group `serverless_ai.commands`."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points

import click

from serverless_ai_patterns.dead_letters.commands import dead_letters, redrive

GROUP = "serverless_ai.commands"
# What each command of the group needs, so that a base installation says how to get it.
EXTRA = "local"


class Commands(click.Group):
    """Own commands first, then those of installed packages, imported only when they are called."""

    def _installed(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._installed()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        point = self._installed().get(cmd_name)
        if own is not None or point is None:
            return own
        try:
            return point.load()
        except ImportError as error:
            return _unavailable(cmd_name, str(error))


def _unavailable(name: str, reason: str) -> click.Command:
    def explain() -> None:
        raise click.ClickException(
            f'`{name}` needs more than the base: pip install "serverless-ai-patterns[{EXTRA}]" ({reason})'
        )

    return click.Command(
        name,
        callback=explain,
        help=f"Needs the extra `{EXTRA}`.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.group(cls=Commands)
@click.version_option(package_name="serverless-ai-patterns")
def main() -> None:
    """Serverless AI patterns: run them here, price them, then deploy them."""


@main.command()
def models() -> None:
    """List the model registry: aliases, prices, end-of-life dates and their sources."""
    from serverless_ai_patterns.models_report import print_models  # noqa: PLC0415 - rich is slow to import

    print_models()


main.add_command(dead_letters)
main.add_command(redrive)

if __name__ == "__main__":
    sys.exit(main())
