"""Function + LLM on AWS, as far as both tools say the same: what the function is told, and what it may do."""

from __future__ import annotations

from typing import Final

from serverless_ai_patterns.aws import policy
from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.function_llm.handler import handler_config
from serverless_ai_patterns.models import Model
from serverless_ai_runtime.config import to_env

KEYED: Final = ("bedrock", "dynamodb", "lambda", "sqs")
"""Services that hold what a customer's key encrypts for the function."""


def environment(
    settings: FunctionLlmSettings,
    model: Model,
    *,
    table_name: str = "",
    destination_url: str = "",
    guardrail_id: str = "",
    guardrail_version: str = "",
) -> dict[str, str]:
    """The function's variables. Names and URLs may be a tool's tokens; an empty string is "not made"."""
    return to_env(
        handler_config(
            settings,
            model=model.id,
            store=table_name,
            destination=destination_url,
            guardrail_id=guardrail_id,
            guardrail_version=guardrail_version,
        )
    )


def statements(
    model: Model,
    *,
    partition: str,
    region: str,
    account: str,
    log_group_arn: str,
    dead_letters_arn: str,
    table_arn: str = "",
    destination_arn: str = "",
    guardrail_arn: str = "",
    key_arn: str = "",
    in_vpc: bool = False,
) -> list[Statement]:
    """Everything the function's role may do, and nothing else. An empty ARN is "not made"."""
    granted = [
        policy.write_logs(log_group_arn),
        policy.write_traces(),
        *policy.invoke_model(model, partition=partition, region=region, account=account),
        # Lambda itself sends to the on-failure destination, with the function's role.
        policy.send_to("SendDeadLetters", dead_letters_arn),
    ]
    if table_arn:
        granted.append(policy.use_table(table_arn))
    if destination_arn:
        granted.append(policy.send_to("SendResults", destination_arn))
    if guardrail_arn:
        granted.append(policy.apply_guardrail(guardrail_arn))
    if key_arn:
        granted.append(policy.use_key(key_arn, region=region, services=KEYED))
    if in_vpc:
        granted.append(policy.attach_to_vpc())
    return granted
