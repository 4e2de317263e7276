"""A Bedrock guardrail and the version of it that the function names."""

from __future__ import annotations

from typing import NamedTuple

import pulumi
import pulumi_aws as aws

from serverless_ai_patterns.aws import guardrail as content


class GuardrailParts(NamedTuple):
    """A guardrail, and the version that stays what it is when the guardrail changes."""

    guardrail: aws.bedrock.Guardrail
    version: aws.bedrock.GuardrailVersion


def guardrail(
    name: str, *, key_arn: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> GuardrailParts:
    """Content filters and prompt attacks, as `serverless_ai_patterns.aws.guardrail` has them."""
    made = aws.bedrock.Guardrail(
        name,
        blocked_input_messaging=content.BLOCKED_INPUT,
        blocked_outputs_messaging=content.BLOCKED_OUTPUT,
        content_policy_config=aws.bedrock.GuardrailContentPolicyConfigArgs(
            filters_configs=[
                aws.bedrock.GuardrailContentPolicyConfigFiltersConfigArgs(
                    type=one.type, input_strength=one.input_strength, output_strength=one.output_strength
                )
                for one in content.FILTERS
            ]
        ),
        kms_key_arn=key_arn,
        opts=opts,
    )
    version = aws.bedrock.GuardrailVersion(
        f"{name}-version",
        guardrail_arn=made.guardrail_arn,
        # A new description makes a new version: without it a change of the filters would reach no caller.
        description=f"Filters {content.revision()}",
        opts=opts,
    )
    return GuardrailParts(guardrail=made, version=version)
