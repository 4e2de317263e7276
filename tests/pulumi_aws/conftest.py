"""What the AWS provider would answer, and the deployments that the tests look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from recorder import Cloud, Deploy, Recording, deployer

from serverless_ai_patterns.event_pipeline import EventPipelineSettings, Sources, Uploads
from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings, Jwt, Llm
from serverless_ai_pulumi.aws import EventPipeline, FunctionLlm, Rag

REGION = "eu-west-1"
ACCOUNT = "111122223333"


def _arn(service: str, kind: str = "") -> Callable[[str], str]:
    return lambda name: f"arn:aws:{service}:{REGION}:{ACCOUNT}:{kind}{name}"


# What the provider computes and the component or its users read, by resource type.
COMPUTED: Mapping[str, Mapping[str, Callable[[str], Any]]] = {
    "aws:apigatewayv2/api:Api": {
        "apiEndpoint": lambda name: f"https://{name}.example.com",
        "executionArn": _arn("execute-api"),
    },
    "aws:bedrock/guardrail:Guardrail": {
        "guardrailArn": _arn("bedrock", "guardrail/"),
        "guardrailId": lambda name: f"id-of-{name}",
    },
    "aws:bedrock/guardrailVersion:GuardrailVersion": {"version": lambda _: "7"},
    "aws:cloudwatch/eventRule:EventRule": {"arn": _arn("events", "rule/")},
    "aws:cloudwatch/logGroup:LogGroup": {"arn": _arn("logs", "log-group:")},
    "aws:rds/cluster:Cluster": {
        "arn": _arn("rds", "cluster:"),
        "masterUserSecrets": lambda name: [{"secretArn": _arn("secretsmanager", "secret:")(name)}],
    },
    "aws:dynamodb/table:Table": {"arn": _arn("dynamodb", "table/")},
    "aws:iam/role:Role": {"arn": lambda name: f"arn:aws:iam::{ACCOUNT}:role/{name}"},
    "aws:lambda/function:Function": {
        "arn": _arn("lambda", "function:"),
        "invokeArn": lambda name: f"arn:aws:apigateway:{REGION}:lambda:path/{name}/invocations",
    },
    "aws:opensearch/serverlessCollection:ServerlessCollection": {
        "arn": _arn("aoss", "collection/"),
        "collectionEndpoint": lambda name: f"https://{name}.{REGION}.aoss.amazonaws.com",
    },
    "aws:s3/bucket:Bucket": {
        "arn": lambda name: f"arn:aws:s3:::{name}",
        "bucket": lambda name: name,
    },
    "aws:s3/vectorsIndex:VectorsIndex": {"indexArn": _arn("s3vectors", "bucket/vectors/index/")},
    "aws:s3/vectorsVectorBucket:VectorsVectorBucket": {
        "vectorBucketArn": _arn("s3vectors", "bucket/"),
    },
    "aws:sns/topic:Topic": {"arn": _arn("sns")},
    "aws:sqs/queue:Queue": {
        "arn": _arn("sqs"),
        "url": lambda name: f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}",
    },
}
ZONES = {"names": [f"{REGION}a", f"{REGION}b"]}
INVOKES: Mapping[str, Mapping[str, Any]] = {
    "aws:index/getRegion:getRegion": {"id": REGION, "region": REGION},
    "aws:index/getAvailabilityZones:getAvailabilityZones": ZONES,
}


CLOUD = Cloud(project="serverless-ai-aws", computed=COMPUTED, invokes=INVOKES)


@pytest.fixture(scope="session")
def deploy() -> Deploy:
    """Run a program against a recorder of its own: `deploy(program, preview=False, config={})`."""
    return deployer(CLOUD)


@pytest.fixture(scope="session")
def everything() -> FunctionLlmSettings:
    """Every part that settings can ask for."""
    return FunctionLlmSettings(
        llm=Llm(guardrail=True),
        auth=Jwt(issuer="https://login.example.com/", audience=("chat", "admin")),
        events=Events(
            schedule="rate(1 day)", bus_filter={"source": ["shop"], "detail": {"n": [1]}}, destination=True
        ),
    )


@pytest.fixture(scope="session")
def usual(deploy: Deploy) -> Recording:
    """`FunctionLlm("chat")` and nothing else."""
    return deploy(lambda: FunctionLlm("chat"))


@pytest.fixture(scope="session")
def whole(deploy: Deploy, everything: FunctionLlmSettings) -> Recording:
    """`FunctionLlm` with every part."""
    return deploy(lambda: FunctionLlm("chat", everything))


@pytest.fixture(scope="session")
def every_source() -> EventPipelineSettings:
    """Every way into a pipeline that AWS has."""
    return EventPipelineSettings(
        sources=Sources(
            uploads=Uploads(prefix="in/", suffixes=(".pdf", ".txt"), max_mb=20),
            topic={"kind": ["invoice", "receipt"]},
            schedule="rate(1 day)",
            bus_filter={"source": ["shop"]},
        )
    )


@pytest.fixture(scope="session")
def usual_pipeline(deploy: Deploy) -> Recording:
    """`EventPipeline("papers")` and nothing else."""
    return deploy(lambda: EventPipeline("papers"))


@pytest.fixture(scope="session")
def whole_pipeline(deploy: Deploy, every_source: EventPipelineSettings) -> Recording:
    """`EventPipeline` with every source."""
    return deploy(lambda: EventPipeline("papers", every_source))


@pytest.fixture(scope="session")
def usual_rag(deploy: Deploy) -> Recording:
    """`Rag("docs")` and nothing else."""
    return deploy(lambda: Rag("docs"))
