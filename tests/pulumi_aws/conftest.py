"""What the AWS provider would answer, and the deployments that the tests look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from recorder import Cloud, Deploy, Recording, deployer

from serverless_ai_patterns.function_llm import Events, FunctionLlmSettings, Jwt, Llm
from serverless_ai_pulumi.aws import FunctionLlm

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
    "aws:dynamodb/table:Table": {"arn": _arn("dynamodb", "table/")},
    "aws:iam/role:Role": {"arn": lambda name: f"arn:aws:iam::{ACCOUNT}:role/{name}"},
    "aws:lambda/function:Function": {
        "arn": _arn("lambda", "function:"),
        "invokeArn": lambda name: f"arn:aws:apigateway:{REGION}:lambda:path/{name}/invocations",
    },
    "aws:sqs/queue:Queue": {
        "arn": _arn("sqs"),
        "url": lambda name: f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}",
    },
}
INVOKES: Mapping[str, Mapping[str, Any]] = {"aws:index/getRegion:getRegion": {"id": REGION, "region": REGION}}


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
