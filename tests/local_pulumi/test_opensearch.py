"""The block of OpenSearch Serverless as a real program on the running local cloud."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opensearch_caller import store_of_role

from serverless_ai_local import launch
from serverless_ai_local.doors.pulumi import Deployment
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.core.rag.ports import Access, Entry

PROGRAM = """
import json
import pulumi
import pulumi_aws as aws
from serverless_ai_patterns.aws.policy import document
from serverless_ai_patterns.rag.stores import OpenSearch
from serverless_ai_pulumi.aws._opensearch import opensearch

def role(name):
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    text = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    return aws.iam.Role(name, assume_role_policy=text)

reader, writer = role("reader"), role("writer")
parts = opensearch("store", {"i1": 3, "i2": 4}, OpenSearch(STORE), key_arn=None, retain=False,
    opts=pulumi.ResourceOptions())
parts.let_in(readers=[reader.arn], writers=[writer.arn])
for name, one, statements in (("reader", reader, parts.read), ("writer", writer, parts.write)):
    text = statements.apply(lambda found: json.dumps(document(found)))
    aws.iam.RolePolicy(name, role=one.name, policy=text)
    pulumi.export(name, one.arn)
pulumi.export("place", parts.places["i1"])
pulumi.export("collection", parts.collection.id)
"""


def used(cloud: launch.RunningCloud, outputs: Any) -> None:
    """Its roles do what they are for, and no more."""
    entry = Entry("1", "b/a", Access("t"), "words", "", (1, 0, 0))
    reader, writer = (store_of_role(cloud, outputs["place"], outputs[name]) for name in ("reader", "writer"))
    for _ in range(2):
        writer.upsert([entry], Deadline(10))
    assert [hit.id for hit in reader.search((1, 0, 0), 5, Access("t"), Deadline(10))] == ["1"]
    assert [hit.id for hit in reader.search_text("words", 5, Access("t"), Deadline(10))] == ["1"]
    with pytest.raises(Refused, match="security_exception"):
        reader.upsert([entry], Deadline(10))


def changes(result: Any) -> dict[str, str]:
    return {step.name: step.op for step in result.steps if step.op != "same"}


@pytest.fixture
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[launch.RunningCloud]:
    running = launch.start(tmp_path_factory.mktemp("cloud"))
    yield running
    running.stop()


def test_the_block_lives_its_whole_life(cloud: launch.RunningCloud, tmp_path: Path) -> None:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")

    def up(settings: str) -> Any:
        (folder / "__main__.py").write_text(PROGRAM.replace("STORE", settings))
        return Deployment(folder, "dev", endpoint=cloud.url, state_dir=tmp_path / "state").up()

    aoss = cloud.client("opensearchserverless")
    first = up("")
    used(cloud, first.outputs)
    assert json.loads(first.outputs["place"])["classic"] is False
    assert changes(up("")) == {}
    grown = changes(up("max_ocu=8"))
    assert grown == {"store-group": "update"}
    [group] = aoss.list_collection_groups()["collectionGroupSummaries"]
    assert group["capacityLimits"]["maxSearchCapacityInOCU"] == 8
    older = up("classic=True")
    assert older.outputs["collection"] != first.outputs["collection"]
    used(cloud, older.outputs)
    assert aoss.list_collection_groups()["collectionGroupSummaries"] == []
    Deployment(folder, "dev", endpoint=cloud.url, state_dir=tmp_path / "state").destroy()
    assert aoss.list_collections()["collectionSummaries"] == []
    assert aoss.list_access_policies(type="data")["accessPolicySummaries"] == []
    for kind in ("encryption", "network"):
        assert aoss.list_security_policies(type=kind)["securityPolicySummaries"] == []
