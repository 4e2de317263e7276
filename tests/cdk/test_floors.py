"""A store that idles at a price says so at synthesis, and the price is that of what is deployed."""

from __future__ import annotations

import pytest

from serverless_ai_patterns.cost import idle_monthly
from serverless_ai_patterns.rag import RagSettings
from serverless_ai_patterns.rag.floors import floor, floor_note
from serverless_ai_patterns.rag.stores import STORES, OpenSearch

ALIKE = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Lambda::EventSourceMapping")
CHOICES = [*(kind() for kind in STORES["aws"]), OpenSearch(classic=True)]


def idle(template):
    made = [(name, one["Type"], one.get("Properties", {})) for name, one in template.resources().items()]
    priced = [one for one in made if one[1] not in ALIKE]
    return sum(line.usd for line in idle_monthly(priced))


@pytest.fixture(scope="module")
def usual(make_rag):
    return make_rag(RagSettings()).synth()


@pytest.mark.parametrize("store", CHOICES, ids=repr)
def test_the_floor_is_said_once_and_is_what_the_stores_resources_cost_idle(make_rag, usual, store):
    chosen, line = make_rag(RagSettings(store=store)), floor(store)
    assert idle(chosen.synth()) - idle(usual) == pytest.approx(line.usd if line else 0.0)
    said = [str(one.data) for one in chosen.pattern.node.metadata if one.type == "aws:cdk:info"]
    assert [one.partition(" [ack:")[0] for one in said] == ([floor_note(store)] if line else [])
