"""What a store costs idle is said when it is deployed, and is what was deployed."""

from __future__ import annotations

import pytest
from floors import deployed, floor_usd, idle_usd

from serverless_ai_patterns.rag import AlloyDb, Firestore, VertexVectorSearch
from serverless_ai_pulumi.gcp import Rag

CHOICES = [Firestore(), AlloyDb(), VertexVectorSearch(), VertexVectorSearch(classic=True)]


@pytest.mark.parametrize("store", CHOICES, ids=repr)
def test_the_floor_is_said_once_and_is_what_the_stores_resources_cost_idle(
    deploy, monkeypatch, usual_rag, store
):
    chosen = deployed(deploy, monkeypatch, lambda settings: Rag("docs", settings), store)
    assert idle_usd(chosen) - idle_usd(usual_rag) == pytest.approx(floor_usd(store))
