"""The Aurora block as a real program on a running local cloud: made, searched, and nothing left of it."""

from __future__ import annotations

import random
import time

import pytest

from serverless_ai_local import launch
from serverless_ai_local.doors.pulumi import Deployment
from serverless_ai_runtime.adapters.aws import aurora
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import Deadline, World
from serverless_ai_runtime.core.rag.ports import Access, Entry
from serverless_ai_runtime.http import HttpClient

PROGRAM = """
import pulumi
from serverless_ai_patterns.rag.stores import Aurora
from serverless_ai_pulumi.aws._aurora import aurora
store = aurora("store", {"i1": 3}, Aurora(), key_arn=None, protect=False, opts=pulumi.ResourceOptions())
pulumi.export("place", store.places["i1"])
"""


@pytest.fixture(scope="module")
def local_cloud(tmp_path_factory):
    running = launch.start(tmp_path_factory.mktemp("cloud"))
    yield running
    running.stop()


def test_a_program_makes_a_store_that_answers(local_cloud, project):
    project.write("")
    (project.folder / "__main__.py").write_text(PROGRAM)

    def deployment() -> Deployment:
        return Deployment(project.folder, "dev", endpoint=local_cloud.url, state_dir=project.state_dir)

    place = aurora.parse_place(deployment().up().outputs["place"])
    world = World(time.time, time.sleep, random.random, lambda: "0" * 32)
    aws = Aws(HttpClient(world), world, lambda: AwsConfig("us-east-1", "test", "test", ""))
    store = aurora.aurora(Service(aws, "Aurora", local_cloud.url, aurora.SIGNING_NAME), place, "i1", 3)
    store.upsert([Entry("id", "b/a.txt", Access("a"), "words", "", (1, 0, 0))], Deadline(30))
    assert [hit.id for hit in store.search((1, 0, 0), 5, Access("a"), Deadline(30))] == ["id"]
    assert [step.op for step in deployment().up().steps if step.op != "same"] == []
    deployment().destroy()
    assert local_cloud.client("rds").describe_db_clusters()["DBClusters"] == []
    assert local_cloud.client("secretsmanager").list_secrets()["SecretList"] == []
    assert len(local_cloud.client("ec2").describe_vpcs()["Vpcs"]) == 1
