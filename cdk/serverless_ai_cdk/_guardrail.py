"""A Bedrock guardrail and the version of it that the function names."""

from __future__ import annotations

from typing import NamedTuple

from aws_cdk import Names, aws_bedrock, aws_kms
from constructs import Construct

from serverless_ai_patterns.aws import guardrail as content


class GuardrailParts(NamedTuple):
    """A guardrail, and the version that stays what it is when the guardrail changes."""

    guardrail: aws_bedrock.CfnGuardrail
    version: aws_bedrock.CfnGuardrailVersion


def guardrail(scope: Construct, id: str, *, key: aws_kms.IKey | None) -> GuardrailParts:
    """Content filters and prompt attacks, as `serverless_ai_patterns.aws.guardrail` has them."""
    made = aws_bedrock.CfnGuardrail(
        scope,
        id,
        name=Names.unique_resource_name(scope, max_length=50),
        blocked_input_messaging=content.BLOCKED_INPUT,
        blocked_outputs_messaging=content.BLOCKED_OUTPUT,
        content_policy_config=aws_bedrock.CfnGuardrail.ContentPolicyConfigProperty(
            filters_config=[
                aws_bedrock.CfnGuardrail.ContentFilterConfigProperty(
                    type=one.type, input_strength=one.input_strength, output_strength=one.output_strength
                )
                for one in content.FILTERS
            ]
        ),
        kms_key_arn=key.key_arn if key else None,
    )
    version = aws_bedrock.CfnGuardrailVersion(
        scope,
        f"{id}Version",
        guardrail_identifier=made.attr_guardrail_id,
        # A new description makes a new version: without it a change of the filters would reach no caller.
        description=f"Filters {content.revision()}",
    )
    return GuardrailParts(guardrail=made, version=version)
