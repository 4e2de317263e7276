"""The block of OpenSearch Serverless as the engine is told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
from recorder import Deploy, Recording

from serverless_ai_patterns.aws import opensearch as data
from serverless_ai_patterns.rag.stores import OpenSearch
from serverless_ai_pulumi.aws._opensearch import opensearch
from serverless_ai_runtime.adapters.aws.opensearch_index import place

READER, WRITER = (f"arn:aws:iam::111122223333:role/{name}" for name in ("reader", "writer"))


@pytest.fixture
def made(deploy: Deploy) -> Any:
    def make(store: OpenSearch, *, readers: tuple[str, ...] = (READER,), key: str | None = None) -> Recording:
        def program() -> None:
            parts = opensearch(
                "store",
                {"i1": 3, "i2": 4},
                store,
                key_arn=key,
                retain=True,
                opts=pulumi.ResourceOptions(),
            )
            parts.let_in(readers=readers, writers=[WRITER])
            pulumi.export("places", dict(parts.places))
            pulumi.export("read", parts.read.apply(lambda found: [one.to_json() for one in found]))

        return deploy(program)

    return make


@pytest.mark.parametrize("classic", [False, True])
def test_the_policies_are_the_shared_ones(made: Any, classic: bool) -> None:
    store = OpenSearch(classic=classic, max_ocu=4)
    recording = made(store, key="arn:aws:kms:eu-west-1:111122223333:key/a")
    name = recording.one("ServerlessCollection").inputs["name"]
    access = recording.one("ServerlessAccessPolicy")
    assert access.document("policy") == data.access_policy(
        name, ["i1", "i2"], store, readers=[READER], writers=[WRITER]
    )
    policies = {one.inputs["type"]: one for one in recording.all("ServerlessSecurityPolicy")}
    encryption = policies["encryption"].document("policy")
    assert encryption["KmsARN"] == "arn:aws:kms:eu-west-1:111122223333:key/a"
    assert policies["network"].document("policy") == data.network_policy(name)
    assert len(recording.all("ServerlessCollectionGroup")) == (not classic)


def test_the_collection_waits_for_its_policies_and_its_group(made: Any) -> None:
    collection = made(OpenSearch()).one("ServerlessCollection")
    waits = {urn.rsplit("::", 1)[1] for urn in collection.dependencies}
    assert waits == {"store-encryption", "store-network", "store-group"}


def test_there_is_a_place_for_each_index_and_the_statement_names_the_collection(made: Any) -> None:
    recording = made(OpenSearch())
    name = recording.one("ServerlessCollection").inputs["name"]
    places: Mapping[str, str] = recording.exports["places"]
    found = {index: place("vectors", text) for index, text in places.items()}
    url = f"https://{name}.eu-west-1.aoss.amazonaws.com"
    assert {(one.url, index, one.name, one.dimension) for index, one in found.items()} == {
        (url, "i1", "i1", 3),
        (url, "i2", "i2", 4),
    }
    [statement] = recording.exports["read"]
    assert statement["Action"] == ["aoss:APIAccessAll"]
    assert statement["Resource"] == [f"arn:aws:aoss:eu-west-1:111122223333:collection/{name}"]


def test_a_policy_without_readers_names_writers_only(made: Any) -> None:
    [only] = json.loads(made(OpenSearch(), readers=()).one("ServerlessAccessPolicy").inputs["policy"])
    assert only["Principal"] == [WRITER]
