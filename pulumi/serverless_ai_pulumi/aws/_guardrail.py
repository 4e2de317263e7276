"""A Bedrock guardrail and the version of it that calls go through."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws.guardrail import BLOCKED_INPUT, BLOCKED_OUTPUT, FILTERS


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardrailParts:
    """What a guardrail is made of."""

    guardrail: aws.bedrock.Guardrail
    version: aws.bedrock.GuardrailVersion


def guardrail(
    name: str, *, key_arn: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> GuardrailParts:
    """The guardrail of a pattern.

    A version never changes. Its description names the content, so that another content makes another version.
    """
    made = aws.bedrock.Guardrail(
        name,
        blocked_input_messaging=BLOCKED_INPUT,
        blocked_outputs_messaging=BLOCKED_OUTPUT,
        content_policy_config=aws.bedrock.GuardrailContentPolicyConfigArgs(
            filters_configs=[
                aws.bedrock.GuardrailContentPolicyConfigFiltersConfigArgs(
                    type=each.type, input_strength=each.input_strength, output_strength=each.output_strength
                )
                for each in FILTERS
            ]
        ),
        kms_key_arn=key_arn,
        opts=opts,
    )
    content = hashlib.sha256(repr((BLOCKED_INPUT, BLOCKED_OUTPUT, FILTERS)).encode()).hexdigest()
    version = aws.bedrock.GuardrailVersion(
        f"{name}-version", guardrail_arn=made.guardrail_arn, description=f"content {content[:16]}", opts=opts
    )
    return GuardrailParts(guardrail=made, version=version)
