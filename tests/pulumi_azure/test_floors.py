"""What a store costs idle is said when it is deployed, and is what was deployed."""

from __future__ import annotations

import pytest
from floors import deployed, floor_usd, idle_usd

from serverless_ai_patterns.rag import AiSearch, Cosmos, RagSettings
from serverless_ai_pulumi.azure import Rag

CHOICES = [Cosmos(), AiSearch(), AiSearch(replicas=2), AiSearch(sku="serverless")]


def rag(settings: RagSettings) -> Rag:
    return Rag("docs", settings, entra_client_id="11111111-2222-3333-4444-555555555555")


@pytest.fixture(scope="module")
def usual(deploy):
    return deploy(lambda: rag(RagSettings()))


@pytest.mark.parametrize("store", CHOICES, ids=repr)
def test_the_floor_is_said_once_and_is_what_the_stores_resources_cost_idle(deploy, monkeypatch, usual, store):
    chosen = deployed(deploy, monkeypatch, rag, store)
    assert idle_usd(chosen) - idle_usd(usual) == pytest.approx(floor_usd(store))
