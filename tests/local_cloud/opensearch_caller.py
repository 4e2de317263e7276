"""The adapter of OpenSearch Serverless, called with given keys or as a function of a role."""

from __future__ import annotations

import time

from serverless_ai_local.launch import Credentials, RunningCloud
from serverless_ai_runtime.adapters.aws.opensearch import OpenSearch
from serverless_ai_runtime.adapters.aws.opensearch_index import SIGNING_NAME, Place, place
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import World
from serverless_ai_runtime.http import HttpClient

ROOT = Credentials(access_key="test", secret_key="test", token="")


def store(where: Place, keys: Credentials = ROOT) -> OpenSearch:
    """With these keys, and without patience between attempts."""
    world = World(now=time.time, sleep=lambda _: None, random=lambda: 0.5, token=lambda: "0" * 32)
    config = AwsConfig("us-east-1", keys.access_key, keys.secret_key, keys.token or "")
    aws = Aws(HttpClient(world), world, lambda: config)
    return OpenSearch(Service(aws, "OpenSearch", where.url, SIGNING_NAME), where)


def store_of_role(cloud: RunningCloud, text: str, role_arn: str) -> OpenSearch:
    """As a function of the role would have it, whose configuration says this place."""
    keys = Credentials(**cloud.admin("POST", "iam/credentials", {"role_arn": role_arn}))
    return store(place("vectors", text), keys)
