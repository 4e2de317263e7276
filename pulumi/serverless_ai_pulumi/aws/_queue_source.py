"""A function that reads a queue: batches, failures by item, a bound on how many at once."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


def queue_source(
    name: str,
    function: aws.lambda_.Function,
    queue: aws.sqs.Queue,
    *,
    batch_size: int,
    window_s: int,
    max_concurrency: int,
    opts: pulumi.ResourceOptions,
) -> aws.lambda_.EventSourceMapping:
    """Messages of `queue` go to `function`, whose role must be allowed to take them."""
    return aws.lambda_.EventSourceMapping(
        name,
        event_source_arn=queue.arn,
        function_name=function.arn,
        batch_size=batch_size,
        maximum_batching_window_in_seconds=window_s,
        function_response_types=["ReportBatchItemFailures"],
        scaling_config=aws.lambda_.EventSourceMappingScalingConfigArgs(maximum_concurrency=max_concurrency),
        opts=opts,
    )
