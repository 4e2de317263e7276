"""The model registries as tables, for `serverless-ai models`."""

from __future__ import annotations

from datetime import UTC, date, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from serverless_ai_patterns.models import Model, Status, check_models
from serverless_ai_patterns.models_azure import check_models_azure
from serverless_ai_patterns.models_gcp import check_models_gcp

REGISTRIES = {
    "Amazon Bedrock": check_models,
    "Microsoft Foundry": check_models_azure,
    "Google Vertex AI": check_models_gcp,
}

SOON_DAYS = 90
"""An end of life nearer than this is coloured: a change of model needs its tests."""


def print_models(console: Console | None = None, today: date | None = None) -> None:
    """Print every alias and known model with its price and the days it has left as of `today` (UTC)."""
    out = console or Console()
    day = today or datetime.now(UTC).date()
    for service, check in REGISTRIES.items():
        _print_registry(out, service, check(day))


def _print_registry(out: Console, service: str, listed: list[Status]) -> None:
    table = Table(title=f"Models on {service} (USD per million tokens)", title_justify="left")
    for column in ("Name", "Model", "In", "Out", "End of life"):
        table.add_column(column, justify="right" if column in ("In", "Out") else "left", overflow="fold")
    for status in listed:
        model = status.model
        name = f"{status.name} -> {model.id}" if status.name != model.id else model.id
        table.add_row(Text(name), model.name, _usd(model.input_usd), _usd(model.output_usd), _end(status))
    out.print(table)
    for line in _footnotes([status.model for status in listed]):
        out.print(line, highlight=False, markup=False)


def _usd(price: float | None) -> str:
    return "?" if price is None else f"{price:g}"


def _end(status: Status) -> Text:
    if status.days_left is None:
        return Text("none announced")
    days = status.days_left
    style = "red" if days <= 0 else "yellow" if days < SOON_DAYS else ""
    left = f"{days} days left" if days > 0 else "gone: calls fail"
    return Text(f"{status.model.end_of_life} ({left})", style=style)


def _footnotes(models: list[Model]) -> list[str]:
    notes = dict.fromkeys(f"{model.name}: {model.note}" for model in models if model.note)
    sources = dict.fromkeys(f"Source: {model.source}" for model in models if model.source)
    return [*notes, *sources]
