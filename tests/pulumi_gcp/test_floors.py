"""A store that idles at a price says so when it is deployed, and the price is that of what was deployed."""

from __future__ import annotations

import pulumi
import pytest

from serverless_ai_patterns.cost import idle_monthly
from serverless_ai_patterns.rag import RagSettings
from serverless_ai_patterns.rag.floors import floor, floor_note
from serverless_ai_patterns.rag.stores import STORES, VertexVectorSearch
from serverless_ai_pulumi.gcp import Rag

WATCHES = ("MetricAlarm", "MetricAlert", "ScheduledQueryRule", "AlertPolicy", "Dashboard")
CHOICES = [*(kind() for kind in STORES["gcp"]), VertexVectorSearch(classic=True)]


@pytest.mark.parametrize("store", CHOICES, ids=repr)
def test_the_floor_is_said_once_and_is_what_the_stores_resources_cost_idle(deploy, monkeypatch, store):
    said = []
    monkeypatch.setattr(pulumi.log, "info", lambda message, resource=None: said.append((message, resource)))

    def idle(program):
        made = [(one.name, one.type, one.inputs) for one in deploy(program).resources if ":" in one.type]
        made = [one for one in made if not one[1].endswith(WATCHES) and one[1].startswith("gcp:")]
        return sum(line.usd for line in idle_monthly(made))

    rags = []
    usual = idle(lambda: Rag("docs"))
    assert said == []
    chosen = idle(lambda: rags.append(Rag("docs", RagSettings(store=store))))
    line = floor(store)
    assert chosen - usual == pytest.approx(line.usd if line else 0.0)
    assert said == ([(floor_note(store), rags[0])] if line else [])
