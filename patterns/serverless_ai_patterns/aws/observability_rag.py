"""What an operator sees of RAG on AWS: alarms of both functions, and one dashboard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from serverless_ai_patterns.aws.observability import (
    Alarm,
    event_pipeline_alarms,
    function_llm_alarms,
    graphs_of_api,
    graphs_of_queue,
    in_rows,
)


def rag_alarms(
    *,
    ingest_name: str,
    query_name: str,
    queue_name: str,
    dead_letter_queue_name: str,
    timeout_s: int,
    tokens_per_hour: int,
) -> list[Alarm]:
    """Eight alarms: errors and throttles of each function, slow answers, spending, waiting documents and dead
    letters.
    """
    ingest = event_pipeline_alarms(
        function_name=ingest_name, queue_name=queue_name, dead_letter_queue_name=dead_letter_queue_name
    )
    query = function_llm_alarms(
        function_name=query_name,
        dead_letter_queue_name=dead_letter_queue_name,
        timeout_s=timeout_s,
        tokens_per_hour=tokens_per_hour,
    )
    own = [one for one in query if one.name != "DeadLetters"]
    return [*ingest, *(replace(one, name=f"Query{one.name}") for one in own)]


def rag_dashboard(
    *,
    region: str,
    ingest_name: str,
    query_name: str,
    api_id: str,
    stage: str,
    queue_name: str,
    dead_letter_queue_name: str,
) -> dict[str, Any]:
    """The body of the CloudWatch dashboard of RAG."""
    return in_rows(
        region,
        [
            *graphs_of_api(query_name, api_id, stage, dead_letter_queue_name),
            *graphs_of_queue(ingest_name, queue_name, dead_letter_queue_name),
        ],
    )
