"""What a store costs idle is said when it is deployed; the price is tested with the CDK construct."""

from __future__ import annotations

import pytest
from floors import deployed

from serverless_ai_patterns.rag import Aurora, OpenSearch, S3Vectors
from serverless_ai_pulumi.aws import Rag

CHOICES = [S3Vectors(), Aurora(), OpenSearch(), OpenSearch(classic=True)]


@pytest.mark.parametrize("store", CHOICES, ids=repr)
def test_the_floor_is_said_once_by_the_component(deploy, monkeypatch, store):
    assert deployed(deploy, monkeypatch, lambda settings: Rag("docs", settings), store).resources
