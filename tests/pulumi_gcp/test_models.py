"""The model registry of Vertex AI: aliases, locations, prices, and the dates on which models go away."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_patterns.gcp.models import ALIASES, DIMENSIONS, READ_ON, ROWS
from serverless_ai_patterns.models_gcp import check_models_gcp, resolve_gcp


@pytest.mark.parametrize(
    ("name", "model_id", "location"),
    [
        ("small", "gemini-3.5-flash-lite", "global"),
        ("large", "gemini-3.8-flash", "global"),
        ("embed", "gemini-embedding-001", "global"),
        ("text-embedding-005", "text-embedding-005", "us-central1"),
        ("europe-west1/text-embedding-005", "text-embedding-005", "europe-west1"),
        ("gemini-4-argon", "gemini-4-argon", "global"),
        ("europe-west1/gemini-3.5-flash", "gemini-3.5-flash", "europe-west1"),
        ("eu/gemini-3.5-flash", "gemini-3.5-flash", "eu"),
        ("gemini-9-neon-001", "gemini-9-neon-001", "global"),
    ],
)
def test_a_name_is_a_model_and_the_location_it_is_called_in(name: str, model_id: str, location: str) -> None:
    model = resolve_gcp(name)
    assert (model.id, model.base_id, model.regions) == (model_id, model_id, (location,))


def test_a_known_model_has_price_name_and_source_wherever_it_is_called() -> None:
    near, anywhere = resolve_gcp("europe-west1/gemini-3.5-flash-lite"), resolve_gcp("small")
    assert (near.input_usd, near.output_usd, near.name) == (0.3, 2.5, "Gemini 3.5 Flash-Lite")
    assert (near.source, near.end_of_life) == (anywhere.source, anywhere.end_of_life)
    assert resolve_gcp("gemini-9-neon").input_usd is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("", "small, large, embed or the id of a Gemini model"),
        ("smal", "did you mean small?"),
        ("LARGE", "did you mean large?"),
        ("Gemini-3.8-flash", "did you mean gemini-3.8-flash?"),
        ("gemini-3.8-flash\n", "did you mean gemini-3.8-flash?"),
        ("publishers/google/models/gemini-3.8-flash", "got 'publishers/google"),
        ("../gemini-3.8-flash", "got '../gemini"),
        ("a/b/gemini-3.8-flash", "got 'a/b"),
        ("/gemini-3.8-flash", "got"),
        ("gemini-3.8-flash:predict", "got"),
        ("*", "got '*'"),
    ],
)
def test_an_impossible_model_is_refused_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(hint)):
        resolve_gcp(name)


@given(st.text(max_size=60) | st.from_regex(r"[a-z0-9/.@-]{1,40}", fullmatch=True))
def test_no_text_leaves_the_path_of_one_model(name: str) -> None:
    try:
        model = resolve_gcp(name)
    except ValueError:
        return
    assert re.fullmatch(r"[a-z0-9.@-]+", model.id)
    assert ".." not in model.id
    assert re.fullmatch(r"[a-z0-9-]+", model.regions[0])


def test_every_row_has_prices_and_a_source_with_a_date() -> None:
    for model_id, row in ROWS.items():
        assert re.search(r"\d{4}-\d{2}-\d{2}", row.source), model_id
        assert 0 < row.input_usd < 100, model_id
        assert row.output_usd == 0 if model_id in DIMENSIONS else row.input_usd < row.output_usd < 100
        if row.end_of_life:
            date.fromisoformat(row.end_of_life)


def test_every_embedding_model_has_a_dimension_and_one_of_them_is_the_alias() -> None:
    assert {model_id for model_id, row in ROWS.items() if "Embedding" in row.name} == DIMENSIONS.keys()
    assert ALIASES["embed"] in DIMENSIONS


def test_no_alias_is_near_its_end_of_life() -> None:
    # Against the registry's own date, so that an unchanged checkout passes for ever.
    left = {s.name: s.days_left for s in check_models_gcp(READ_ON) if s.name in ALIASES}
    assert left.keys() == ALIASES.keys()
    assert all(days is None or days > 180 for days in left.values()), left


def test_the_list_of_models_holds_every_alias_and_every_row_with_its_days() -> None:
    listed = {s.name: s for s in check_models_gcp(date(2026, 11, 1))}
    assert listed.keys() == ALIASES.keys() | ROWS.keys()
    assert listed["gemini-2.5-flash"].days_left == -12
    assert listed["gemini-3.6-flash"].days_left == 18
    assert listed["large"].days_left is None
