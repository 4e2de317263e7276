"""Rules for AWS: functions, HTTP APIs, logs, tables, guardrails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from serverless_ai_policy.checks import all_of, must_be, must_be_chosen, must_be_set
from serverless_ai_policy.rule import Each, Resource, Rule
from serverless_ai_policy.values import at, known, known_at, listed

FUNCTION: Final = ("aws:lambda:Function",)
STAGE: Final = ("aws:apigatewayv2:Stage",)
TABLE: Final = ("aws:dynamodb:Table",)

ENDED: Final = (
    *("nodejs12.x", "nodejs14.x", "nodejs16.x", "nodejs18.x", "nodejs20.x"),
    *("python3.6", "python3.7", "python3.8", "python3.9", "python3.10"),
)
"""Runtimes that get no more security fixes. Source:
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, 2026-11."""


def _runtime_lives(resource: Resource) -> Iterator[str]:
    runtime = known_at(resource.props, "runtime")
    if runtime in ENDED:
        yield f"the runtime {runtime} gets no more security fixes"


def _route_is_authorised(resource: Resource) -> Iterator[str]:
    kind = known_at(resource.props, "authorizationType")
    if kind not in ("AWS_IAM", "JWT", "CUSTOM"):
        yield f"the route {resource.props.get('routeKey')} is open to anyone"
    elif kind != "AWS_IAM":
        yield from must_be_set("authorizerId")(resource)


def _attacks_are_blocked(resource: Resource) -> Iterator[str]:
    path = "contentPolicyConfig.filtersConfigs"
    strengths = [
        known(at(one, "inputStrength"), path)
        for one in listed(at(resource.props, path), path)
        if at(one, "type") == "PROMPT_ATTACK"
    ]
    if not strengths or "NONE" in strengths:
        yield "nothing looks for prompt attacks"


RULES: Final = (
    Rule(
        id="aws-function-tracing",
        reason="Without a trace nobody can say where a slow answer was slow",
        mend='tracing_config=FunctionTracingConfigArgs(mode="Active")',
        looks=Each(FUNCTION, must_be("tracingConfig.mode", "Active")),
        also=("LambdaTracing", "CKV_AWS_50"),
    ),
    Rule(
        id="aws-function-log-group",
        reason="Lambda makes a log group by itself otherwise, which keeps its lines for ever",
        mend="logging_config=FunctionLoggingConfigArgs(log_format=..., log_group=group.name)",
        looks=Each(FUNCTION, must_be_set("loggingConfig.logGroup")),
    ),
    Rule(
        id="aws-function-size",
        reason="Lambda's defaults (128 MB, 3 s) are too small for a model's answer",
        mend="Give memory_size and timeout",
        looks=Each(FUNCTION, must_be_chosen("memorySize", "timeout")),
        also=("LambdaDefaultMemorySize", "LambdaFunctionDefaultTimeout"),
    ),
    Rule(
        id="aws-function-runtime",
        reason="A runtime at its end is not patched, and functions on it can soon not be changed any more",
        mend='runtime="python3.13"',
        looks=Each(FUNCTION, _runtime_lives),
        also=("AwsSolutions-L1", "CKV_AWS_363"),
    ),
    Rule(
        id="aws-function-url-authorised",
        reason="A function's URL is public: only IAM stands before it",
        mend='authorization_type="AWS_IAM"',
        looks=Each(("aws:lambda:FunctionUrl",), must_be("authorizationType", "AWS_IAM")),
        also=("CKV_AWS_258",),
    ),
    Rule(
        id="aws-route-authorised",
        reason="Each call of a model costs money: no route may be open",
        mend='authorization_type="AWS_IAM", or "JWT" with its authorizer_id',
        looks=Each(("aws:apigatewayv2:Route",), _route_is_authorised),
        also=("AwsSolutions-APIG4", "CKV_AWS_309"),
    ),
    Rule(
        id="aws-authorizer-audience",
        reason="Without an audience a token that the issuer made for any other application is let in",
        mend="jwt_configuration=AuthorizerJwtConfigurationArgs(issuer=..., audiences=[...])",
        looks=Each(
            ("aws:apigatewayv2:Authorizer",),
            must_be_set("jwtConfiguration.issuer", "jwtConfiguration.audiences"),
        ),
    ),
    Rule(
        id="aws-api-throttle",
        reason="The account's limit (10000 a second) is the only one otherwise, and a bill has none",
        mend="default_route_settings with throttling_rate_limit and throttling_burst_limit",
        looks=Each(
            STAGE,
            must_be_set(
                "defaultRouteSettings.throttlingRateLimit", "defaultRouteSettings.throttlingBurstLimit"
            ),
        ),
    ),
    Rule(
        id="aws-api-access-log",
        reason="Calls that are refused never reach the function: only this log has them",
        mend="access_log_settings with destination_arn and format",
        looks=Each(STAGE, must_be_set("accessLogSettings.destinationArn", "accessLogSettings.format")),
        also=("AwsSolutions-APIG1", "CKV_AWS_76"),
    ),
    Rule(
        id="aws-log-retention",
        reason="CloudWatch keeps lines for ever otherwise, and charges for it",
        mend="Give retention_in_days",
        looks=Each(("aws:cloudwatch:LogGroup",), must_be_set("retentionInDays")),
        also=("CloudWatchLogGroupRetentionPeriod", "CKV_AWS_66"),
    ),
    Rule(
        id="aws-table-expiry",
        reason="Sessions and budgets are of use for a day; without a TTL they are kept and paid for",
        mend="ttl=TableTtlArgs(attribute_name=..., enabled=True)",
        looks=Each(TABLE, all_of(must_be("ttl.enabled", True), must_be_set("ttl.attributeName"))),
    ),
    Rule(
        id="aws-table-recovery",
        reason="What a faulty program writes over is gone without it",
        mend="point_in_time_recovery=TablePointInTimeRecoveryArgs(enabled=True)",
        looks=Each(TABLE, must_be("pointInTimeRecovery.enabled", True)),
        also=("AwsSolutions-DDB3",),
    ),
    Rule(
        id="aws-guardrail-attacks",
        reason="Prompt injection is the first risk of the OWASP list for LLM applications",
        mend='A filter of type PROMPT_ATTACK with an input_strength that is not "NONE"',
        looks=Each(("aws:bedrock:Guardrail",), _attacks_are_blocked),
    ),
)
