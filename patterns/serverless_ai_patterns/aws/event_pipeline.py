"""The event pipeline on AWS, as far as both tools say the same: what is let in, told, and allowed."""

from __future__ import annotations

import json
from typing import Any, Final

from serverless_ai_patterns.aws import policy
from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.event_pipeline import EventPipelineSettings, Uploads
from serverless_ai_patterns.event_pipeline.handler import Places, handler_config
from serverless_ai_patterns.event_pipeline.settings import MEBIBYTE
from serverless_ai_patterns.models import Model
from serverless_ai_runtime.config import to_env

BUS: Final = "default"
JOBS: Final = "jobs/"
"""Prefix in the results bucket of what jobs write themselves."""
JOB_STARTERS: Final = ("ocr", "transcribe")
"""Processors whose work may go on without the function."""
SERVICES: Final = ("ocr", "image_labels", "transcribe", "moderate", "entities")
KEYED: Final = ("bedrock", "dynamodb", "lambda", "s3", "sqs")
"""Services that hold what a customer's key encrypts for the function."""
VISIBILITY_TIMES: Final = 6
"""Visibility timeout of the queue in timeouts of the function (AWS, Lambda developer guide, SQS, 2026-11)."""
SPARE_RECEIVES: Final = 4
"""Receives beyond the handler's attempts: three in which the function died, and one to bury the message."""


def refuse_foreign(settings: EventPipelineSettings) -> None:
    """Raise ValueError for a source that AWS does not have."""
    sources = settings.sources
    for name, value in (
        ("firestore", sources.firestore),
        ("audit_log", sources.audit_log),
        ("devices", sources.devices),
    ):
        if value:
            cloud = "Azure" if name == "devices" else "Google Cloud"
            raise ValueError(
                f"Sources.{name} must be left out on AWS: it is a source of {cloud}; got {value!r}"
            )


def environment(settings: EventPipelineSettings, places: Places, model: Model | None) -> dict[str, str]:
    """The function's variables. Names and URLs may be a tool's tokens."""
    return to_env(handler_config(settings, places, model))


def visibility_s(settings: EventPipelineSettings) -> int:
    """Of the queue: a message must not come again while it is being worked on."""
    return VISIBILITY_TIMES * settings.function.timeout_s + settings.batching.wait_s


def max_receives(settings: EventPipelineSettings) -> int:
    """After so many the queue itself gives a message up: later than the handler, which says why."""
    return settings.function.max_attempts + SPARE_RECEIVES


def batch_size(settings: EventPipelineSettings) -> int:
    """Messages in one invocation. One without batching: what kills the function has no neighbours."""
    return settings.batching.size


def transcribed_pattern(results: str) -> dict[str, Any]:
    """The end of a transcription that is named as this pipeline's: after its bucket of results."""
    return {
        "source": ["aws.transcribe"],
        "detail-type": ["Transcribe Job State Change"],
        "detail": {
            "TranscriptionJobStatus": ["COMPLETED", "FAILED"],
            "TranscriptionJobName": [{"prefix": f"{results}-"}],
        },
    }


def uploads_pattern(uploads: Uploads, bucket: str) -> dict[str, Any]:
    """The event pattern of uploads to `bucket`, whose name may be a token."""
    found: dict[str, Any] = {}
    keys = _keys(uploads)
    if keys:
        found["key"] = keys
    if uploads.max_mb is not None:
        found["size"] = [{"numeric": ["<=", uploads.max_mb * MEBIBYTE]}]
    detail: dict[str, Any] = {"bucket": {"name": [bucket]}, **({"object": found} if found else {})}
    return {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}


def _keys(uploads: Uploads) -> list[dict[str, str]]:
    """Matchers of keys. A prefix and a suffix together are a wildcard, in which * and \\ are escaped."""
    if not uploads.suffixes:
        return [{"prefix": uploads.prefix}] if uploads.prefix else []
    if not uploads.prefix:
        return [{"suffix": suffix} for suffix in uploads.suffixes]
    return [{"wildcard": f"{_plain(uploads.prefix)}*{_plain(suffix)}"} for suffix in uploads.suffixes]


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("*", "\\*")


def filter_policy(attributes: dict[str, Any]) -> str | None:
    """The topic's filter on attributes, as SNS takes it; None = everything."""
    return json.dumps(attributes) if attributes else None


def statements(
    settings: EventPipelineSettings,
    model: Model | None,
    *,
    partition: str,
    region: str,
    account: str,
    log_group_arn: str,
    queue_arn: str,
    dead_letters_arn: str,
    table_arn: str,
    results_arn: str,
    uploads_arn: str = "",
    job_role_arn: str = "",
    key_arn: str = "",
    in_vpc: bool = False,
) -> list[Statement]:
    """Everything the function's role may do, and nothing else. An empty ARN is "not made"."""
    buckets = [results_arn, *([uploads_arn] if uploads_arn else [])]
    granted = [
        policy.write_logs(log_group_arn),
        policy.write_traces(),
        policy.consume(queue_arn),
        policy.send_to("SendDeadLetters", dead_letters_arn),
        policy.use_table(table_arn),
        policy.use_results(results_arn, _written(settings)),
        policy.tell_missing_objects(buckets),
        policy.put_events(f"arn:{partition}:events:{region}:{account}:event-bus/{BUS}"),
    ]
    if uploads_arn:
        granted.append(policy.read_uploads(uploads_arn))
    if settings.processor_name in JOB_STARTERS:
        # Messages that come later, to look whether a job has ended.
        granted.append(policy.send_to("LookAgain", queue_arn))
    if settings.processor_name in SERVICES:
        granted += _ai(settings.processor_name, job_role_arn)
    if model is not None:
        granted += policy.invoke_model(model, partition=partition, region=region, account=account)
    if key_arn:
        granted.append(policy.use_key(key_arn, region=region, services=KEYED))
    if in_vpc:
        granted.append(policy.attach_to_vpc())
    return granted


def _written(settings: EventPipelineSettings) -> list[str]:
    """Prefixes of the results bucket: Transcribe writes what it heard with the function's permissions."""
    return [settings.results.prefix, *([JOBS] if settings.processor_name == "transcribe" else [])]


def _ai(processor: str, job_role_arn: str) -> list[Statement]:
    granted = [policy.use_ai(processor)]
    if job_role_arn:
        granted.append(policy.pass_role(job_role_arn, "textract.amazonaws.com"))
    return granted
