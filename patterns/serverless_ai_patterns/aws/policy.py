"""Least-privilege statements as data, so that CDK and Pulumi grant exactly the same.

ARNs are plain strings: CDK passes tokens, Pulumi calls this inside `apply`. What a call needs is named beside
the call, in the runtime's adapters; here it meets the resources that a pattern made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from serverless_ai_patterns.models import Model
from serverless_ai_runtime.adapters.aws import ai, bedrock, dynamodb, events, s3, sqs


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One Allow statement of an identity policy."""

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    def to_json(self) -> dict[str, Any]:
        """The statement as IAM writes it."""
        statement: dict[str, Any] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
        }
        if self.conditions:
            statement["Condition"] = {operator: dict(test) for operator, test in self.conditions.items()}
        return statement


def document(statements: Sequence[Statement]) -> dict[str, Any]:
    """A policy document of these statements."""
    return {"Version": "2012-10-17", "Statement": [s.to_json() for s in statements]}


# Statements that must hold a `*` in a resource, by Sid, and why: the written list that tests hold us to.
STAR_RESOURCES = {
    "WriteLogs": "The streams of a log group have no names yet: its ARN ends in `:*` and names one group",
    "WriteTraces": "X-Ray has no resource-level permissions (Service Authorization Reference, 2026-11)",
    "AttachToVpc": "EC2 network interfaces of a function are created by the service before they have an ARN",
    "ReadUploads": "Objects are uploaded after deployment: the ARN names one bucket",
    "UseResults": "Results are named as what they are of: the ARN names one bucket and prefix",
    "UseAiService": "Textract, Transcribe's jobs and the detection of Rekognition and Comprehend have no "
    "resource-level permissions (Service Authorization Reference, 2026-11)",
    "InvokeModelBehindGivenProfile": "Which models are behind a profile given by ARN is unknown before "
    "deployment; the condition admits them through that profile only",
}


def write_logs(log_group_arn: str) -> Statement:
    """Write to the function's own log group; `log_group_arn` without the trailing `:*`."""
    return Statement(
        sid="WriteLogs",
        actions=["logs:CreateLogStream", "logs:PutLogEvents"],
        resources=[f"{log_group_arn}:*"],
    )


def write_traces() -> Statement:
    return Statement(
        sid="WriteTraces", actions=["xray:PutTraceSegments", "xray:PutTelemetryRecords"], resources=["*"]
    )


def attach_to_vpc() -> Statement:
    """What Lambda needs to put a function into a VPC: AWSLambdaVPCAccessExecutionRole without its logs."""
    return Statement(
        sid="AttachToVpc",
        actions=[
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ],
        resources=["*"],
    )


def invoke_model(model: Model, *, partition: str, region: str, account: str) -> list[Statement]:
    """Call exactly `model`: its ARN, or the profile's and the model's behind it in every destination region.

    A `global.` profile, which the registry lists with region "", reaches the model in the caller's region and
    by an ARN without a region.
    """
    if "inference-profile/" in model.id and not model.regions:
        anywhere = f"arn:{partition}:bedrock:*::foundation-model/*"
        return _through_profile(model.id, [anywhere], behind_sid="InvokeModelBehindGivenProfile")
    by_arn = model.id.startswith("arn:")
    if model.id == model.base_id:
        arn = model.id if by_arn else f"arn:{partition}:bedrock:{region}::foundation-model/{model.id}"
        return [Statement(sid="InvokeModel", actions=bedrock.ACTIONS, resources=[arn])]
    profile = (
        model.id if by_arn else f"arn:{partition}:bedrock:{region}:{account}:inference-profile/{model.id}"
    )
    regions = (region, "") if "" in model.regions else model.regions
    behind = [f"arn:{partition}:bedrock:{r}::foundation-model/{model.base_id}" for r in regions]
    return _through_profile(profile, behind, behind_sid="InvokeModelBehindProfile")


def _through_profile(profile_arn: str, models: Sequence[str], *, behind_sid: str) -> list[Statement]:
    return [
        Statement(sid="InvokeProfile", actions=bedrock.ACTIONS, resources=[profile_arn]),
        Statement(
            sid=behind_sid,
            actions=bedrock.ACTIONS,
            resources=models,
            conditions={"StringEquals": {"bedrock:InferenceProfileArn": profile_arn}},
        ),
    ]


def apply_guardrail(guardrail_arn: str) -> Statement:
    return Statement(sid="ApplyGuardrail", actions=bedrock.GUARDRAIL_ACTIONS, resources=[guardrail_arn])


def use_table(table_arn: str) -> Statement:
    return Statement(sid="UseTable", actions=dynamodb.ACTIONS, resources=[table_arn])


def read_table_at_once(table_arn: str) -> Statement:
    """Read many records in one call."""
    return Statement(sid="ReadTableAtOnce", actions=dynamodb.BATCH_ACTIONS, resources=[table_arn])


def scan_table(table_arn: str) -> Statement:
    """Go through all records, for a repair."""
    return Statement(sid="ScanTable", actions=dynamodb.SCAN_ACTIONS, resources=[table_arn])


def send_to(sid: str, queue_arn: str) -> Statement:
    return Statement(sid=sid, actions=sqs.SEND_ACTIONS, resources=[queue_arn])


def read_uploads(bucket_arn: str) -> Statement:
    """Read any object: a claim check may name one outside the prefix of uploads."""
    return Statement(sid="ReadUploads", actions=s3.READ_ACTIONS, resources=[f"{bucket_arn}/*"])


def use_results(bucket_arn: str, prefixes: Sequence[str]) -> Statement:
    """Read and write results below these prefixes, each of which ends in a slash."""
    return Statement(
        sid="UseResults",
        actions=s3.WRITE_ACTIONS,
        resources=[f"{bucket_arn}/{prefix}*" for prefix in prefixes],
    )


def tell_missing_objects(bucket_arns: Sequence[str]) -> Statement:
    """Without it S3 says 403, and not 404, of an object that is not there."""
    return Statement(sid="TellMissingObjects", actions=s3.LIST_ACTIONS, resources=bucket_arns)


def put_events(bus_arn: str) -> Statement:
    """Put completion events on the bus, as nobody but the pipeline."""
    return Statement(
        sid="Announce",
        actions=events.PUT_ACTIONS,
        resources=[bus_arn],
        conditions={"StringEquals": {"events:source": events.SOURCE}},
    )


def consume(queue_arn: str) -> Statement:
    """What Lambda's poller does with the function's role, and the function to messages that come again."""
    actions = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", *sqs.RETRY_ACTIONS)
    return Statement(sid="ConsumeQueue", actions=actions, resources=[queue_arn])


def publish_to(sid: str, topic_arn: str) -> Statement:
    return Statement(sid=sid, actions=["sns:Publish"], resources=[topic_arn])


def use_ai(processor: str) -> Statement:
    """Call the AI service behind `processor`: none of them has resources to name."""
    return Statement(sid="UseAiService", actions=ai.ACTIONS[processor], resources=["*"])


def pass_role(role_arn: str, service: str) -> Statement:
    """Hand a role to one service, and to no other."""
    return Statement(
        sid="PassJobRole",
        actions=["iam:PassRole"],
        resources=[role_arn],
        conditions={"StringEquals": {"iam:PassedToService": service}},
    )


def use_key(key_arn: str, *, region: str, services: Sequence[str]) -> Statement:
    """Read and write what a customer's key encrypts, only through the `services` that hold it."""
    return Statement(
        sid="UseKey",
        actions=["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey"],
        resources=[key_arn],
        conditions={"StringEquals": {"kms:ViaService": [f"{s}.{region}.amazonaws.com" for s in services]}},
    )


def invoke_function(function_arn: str) -> Statement:
    return Statement(sid="InvokeFunction", actions=["lambda:InvokeFunction"], resources=[function_arn])
