"""The table of models that the command line prints."""

from __future__ import annotations

import io
from datetime import date

from click.testing import CliRunner
from rich.console import Console

from serverless_ai_patterns.cli import main
from serverless_ai_patterns.models_report import print_models


def printed(today: date) -> str:
    console = Console(file=io.StringIO(), width=200)
    print_models(console, today)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_aliases_ids_prices_and_sources_are_listed() -> None:
    text = printed(date(2026, 11, 24))
    assert "small -> us.amazon.nova-micro-v1:0" in text
    assert "0.035" in text
    assert "Claude Sonnet 5.5: once per account: Anthropic's use-case form" in text
    assert "Source: AWS price list through litellm 1.109.1" in text


def test_the_days_left_are_those_of_the_given_day() -> None:
    assert "2027-04-08 (135 days left)" in printed(date(2026, 11, 24))
    assert "2027-04-08 (1 days left)" in printed(date(2027, 4, 7))
    assert "2027-04-08 (gone: calls fail)" in printed(date(2027, 4, 8))


def test_the_command_prints_the_table() -> None:
    done = CliRunner().invoke(main, ["models"])
    assert done.exit_code == 0
    for service in ("Amazon Bedrock", "Microsoft Foundry", "Google Vertex AI"):
        assert f"Models on {service}" in done.output
