"""The outputs of a stack with a pattern: the same names and meaning as the Pulumi programs' exports."""

from __future__ import annotations

from serverless_ai_cdk.event_pipeline import EventPipeline
from serverless_ai_cdk.function_llm import FunctionLlm
from serverless_ai_cdk.rag import Rag


def outputs(pattern: FunctionLlm) -> dict[str, str]:
    """Output's id -> value; what was not made is left out."""
    named: dict[str, str | None] = {
        "Endpoint": pattern.endpoint,
        "FunctionName": pattern.function.function_name,
        "RoleName": pattern.role.role_name,
        "LogGroupName": pattern.log_group.log_group_name,
        "TableName": pattern.table.table_name if pattern.table else None,
        "DeadLetterQueueUrl": pattern.dead_letters.queue_url,
        "DestinationQueueUrl": pattern.destination.queue_url if pattern.destination else None,
        "ScheduleName": pattern.schedule.ref if pattern.schedule else None,
        "DashboardName": pattern.dashboard.ref,
    }
    return {name: value for name, value in named.items() if value is not None}


def event_pipeline_outputs(pattern: EventPipeline) -> dict[str, str]:
    """Output's id -> value; what was not made is left out."""
    named: dict[str, str | None] = {
        "Uploads": pattern.uploads.bucket_name if pattern.uploads else None,
        "Results": pattern.results.bucket_name,
        "Queue": pattern.queue.queue_url,
        "DeadLetters": pattern.dead_letters.queue_url,
        "Topic": pattern.topic.topic_arn if pattern.topic else None,
        "FunctionName": pattern.function.function_name,
        "RoleName": pattern.role.role_name,
        "LogGroupName": pattern.log_group.log_group_name,
        "TableName": pattern.table.table_name,
        "ScheduleName": pattern.schedule.ref if pattern.schedule else None,
        "DashboardName": pattern.dashboard.ref,
    }
    return {name: value for name, value in named.items() if value is not None}


def rag_outputs(pattern: Rag) -> dict[str, str]:
    """Output's id -> value."""
    return {
        "Endpoint": pattern.endpoint,
        "Documents": pattern.documents.bucket_name,
        "Queue": pattern.queue.queue_url,
        "DeadLetters": pattern.dead_letters.queue_url,
        "FunctionName": pattern.function.function_name,
        "IngestFunctionName": pattern.ingest_function.function_name,
        "RoleName": pattern.role.role_name,
        "IngestRoleName": pattern.ingest_role.role_name,
        "LogGroupName": pattern.log_group.log_group_name,
        "TableName": pattern.table.table_name,
        "DashboardName": pattern.dashboard.ref,
    }
