"""A function that reads a queue: batches, failures by item, a bound on how many at once."""

from __future__ import annotations

from aws_cdk import aws_lambda, aws_sqs
from constructs import Construct

from serverless_ai_cdk._acknowledge import acknowledge


def queue_source(
    scope: Construct,
    id: str,
    function: aws_lambda.Function,
    queue: aws_sqs.IQueue,
    *,
    batch_size: int,
    window_s: int,
    max_concurrency: int,
) -> aws_lambda.CfnEventSourceMapping:
    """Messages of `queue` go to `function`, whose role must be allowed to take them."""
    acknowledge(
        function,
        "Serverless-LambdaDLQ",
        "Nothing invokes the function but the queue, whose dead letters hold what fails",
    )
    mapping = aws_lambda.CfnEventSourceMapping
    made = mapping(
        scope,
        id,
        event_source_arn=queue.queue_arn,
        function_name=function.function_arn,
        batch_size=batch_size,
        maximum_batching_window_in_seconds=window_s,
        function_response_types=["ReportBatchItemFailures"],
        scaling_config=mapping.ScalingConfigProperty(maximum_concurrency=max_concurrency),
    )
    if function.role is not None:
        made.node.add_dependency(function.role)
    acknowledge(
        made,
        "Serverless-LambdaEventSourceMappingDestination",
        "A queue has its own dead-letter queue; destinations of a mapping are for streams",
    )
    return made
