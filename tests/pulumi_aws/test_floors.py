"""A store that idles at a price says so when it is deployed; the price is tested with the CDK construct."""

from __future__ import annotations

import pulumi
import pytest

from serverless_ai_patterns.rag import RagSettings
from serverless_ai_patterns.rag.floors import floor_note
from serverless_ai_patterns.rag.stores import STORES, OpenSearch
from serverless_ai_pulumi.aws import Rag

CHOICES = [*(kind() for kind in STORES["aws"]), OpenSearch(classic=True)]


@pytest.mark.parametrize("store", CHOICES, ids=repr)
def test_the_floor_is_said_once_by_the_component(deploy, monkeypatch, store):
    said, rags = [], []
    monkeypatch.setattr(pulumi.log, "info", lambda message, resource=None: said.append((message, resource)))
    deploy(lambda: rags.append(Rag("docs", RagSettings(store=store))))
    note = floor_note(store)
    assert said == ([(note, rags[0])] if note else [])
