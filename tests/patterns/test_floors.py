"""What a store costs while nobody asks: nothing by default on each cloud, and a price otherwise."""

from __future__ import annotations

import pytest

from serverless_ai_patterns.aws import prices as aws
from serverless_ai_patterns.azure import prices as azure
from serverless_ai_patterns.rag import AiSearch, AlloyDb, Aurora, OpenSearch, S3Vectors, VertexVectorSearch
from serverless_ai_patterns.rag.floors import floor, floor_note
from serverless_ai_patterns.rag.stores import STORES, VectorStore


@pytest.mark.parametrize("cloud", STORES)
def test_the_default_of_each_cloud_idles_at_nothing_and_nothing_is_said(cloud: str) -> None:
    default = STORES[cloud][0]()
    assert floor(default) is None
    assert floor_note(default) == ""


@pytest.mark.parametrize(
    ("store", "usd"),
    [
        (Aurora(), aws.SECRET.usd),
        (OpenSearch(classic=True), 2 * aws.HOURS * aws.OCU.usd),
        (AiSearch(), azure.SEARCH_UNITS["basic"].usd),
        (AiSearch(sku="standard", replicas=3), 3 * azure.SEARCH_UNITS["standard"].usd),
        (AlloyDb(cpus=4), 454.59),
        (VertexVectorSearch(classic=True), 68.55),
    ],
)
def test_who_chooses_another_is_told_its_price_why_and_what_costs_nothing(
    store: VectorStore, usd: float
) -> None:
    line = floor(store)
    assert line is not None
    assert line.usd == pytest.approx(usd, abs=0.005)
    note = floor_note(store)
    assert note.startswith(f"{type(store).__name__} costs {usd:.2f} USD a month while nobody asks (")
    assert line.why in note
    assert line.source in note
    default = next(kinds[0].__name__ for kinds in STORES.values() if type(store) in kinds)
    assert note.endswith(f"{default} costs nothing then")


@pytest.mark.parametrize(
    "store", [OpenSearch(), AiSearch(sku="serverless"), VertexVectorSearch(), S3Vectors()]
)
def test_a_store_that_scales_to_zero_says_nothing(store: VectorStore) -> None:
    assert floor_note(store) == ""
