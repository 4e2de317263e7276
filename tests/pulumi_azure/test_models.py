"""The models of Foundry: aliases, names with versions, prices, and the dates on which models go away."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_patterns.azure.models import ALIASES, READ_ON, ROWS
from serverless_ai_patterns.models_azure import check_models_azure, resolve_azure


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_is_a_model_of_the_registry_with_its_version_and_price(alias: str) -> None:
    model = resolve_azure(alias)
    row = ROWS[ALIASES[alias]]
    assert (model.base_id, model.version, model.name) == (ALIASES[alias], row.version, row.name)
    assert (model.input_usd, model.output_usd) == (row.input_usd, row.output_usd)
    assert (model.format, model.sku, model.capacity) == ("OpenAI", "GlobalStandard", row.capacity)
    assert model.id == f"{model.base_id}@{model.version}"


def test_a_known_model_has_the_version_of_the_registry_unless_another_is_asked_for() -> None:
    assert resolve_azure("gpt-4.1-mini") == resolve_azure("gpt-4.1-mini@2025-04-14")
    newer = resolve_azure("gpt-4.1-mini@2031-01-01")
    assert (newer.version, newer.input_usd, newer.end_of_life) == ("2031-01-01", None, None)
    assert newer.capacity == resolve_azure("gpt-4.1-mini").capacity


def test_an_unknown_model_needs_its_version_and_may_name_its_publisher() -> None:
    model = resolve_azure("Mistral AI/mistral-large-3@1")
    assert (model.format, model.base_id, model.version) == ("Mistral AI", "mistral-large-3", "1")
    assert (model.input_usd, model.name) == (None, "")
    assert resolve_azure("gpt-9@2031-01-01").format == "OpenAI"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("", "model must be one of small, large"),
        ("smal", "did you mean small?"),
        ("LARGE", "did you mean large?"),
        ("gpt-5.4-nan", "did you mean gpt-5.4-nano?"),
        ("gpt-9", "or another with its version"),
        ("gpt-5.4-nano@", "got 'gpt-5.4-nano@'"),
        ("Mistral AI/mistral-large-3", "or another with its version"),
        ("gpt-5.4\n", "got"),
        ("a/../b@1", "got"),
        ("@1", "got '@1'"),
        ("gpt 5@1", "got"),
        ("claude-sonnet-5-5@1", "serves Anthropic's models by another API"),
        ("Anthropic/claude-haiku-5-5@1", "serves Anthropic's models by another API"),
        ("us.amazon.nova-micro-v1:0", "got"),
    ],
)
def test_an_impossible_model_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        resolve_azure(name)


@given(st.text(max_size=80))
def test_no_text_becomes_anything_but_one_model_with_one_version(name: str) -> None:
    try:
        model = resolve_azure(name)
    except ValueError:
        return
    assert re.fullmatch(r"[A-Za-z0-9._-]+", model.base_id)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", model.version)
    assert re.fullmatch(r"[A-Za-z0-9 -]+", model.format)


def test_every_row_has_prices_a_version_a_capacity_and_a_source_with_a_date() -> None:
    for name, row in ROWS.items():
        assert 0 < row.input_usd < 100, name
        assert (row.output_usd == 0) if row.dimension else (row.input_usd < row.output_usd < 100), name
        assert row.capacity > 0, name
        assert re.search(r"\d{4}-\d{2}-\d{2}", row.source), name
        assert row.version
        if row.end_of_life:
            assert date.fromisoformat(row.version) < date.fromisoformat(row.end_of_life), name


def test_no_alias_is_near_its_end_of_life() -> None:
    # Against the registry's own date, as for the other clouds: an unchanged checkout passes for ever.
    dying = [s.name for s in check_models_azure(READ_ON) if s.name in ALIASES and (s.days_left or 999) < 90]
    assert dying == []


def test_the_list_holds_every_alias_and_every_row_with_its_days() -> None:
    day = date.fromisoformat(ROWS["gpt-5.4"].end_of_life or "") - timedelta(days=3)
    listed = {status.name: status for status in check_models_azure(day)}
    assert listed.keys() == {*ALIASES, *ROWS}
    assert listed["gpt-5.4"].days_left == listed["large"].days_left == 3
    assert listed["o4-mini"].model.past_end_of_life(day)
