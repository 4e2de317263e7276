"""A content filter of a Foundry account, stricter than the one that every deployment has."""

from __future__ import annotations

import pulumi
from pulumi_azure_native import cognitiveservices

from serverless_ai_patterns.azure import guardrail as content
from serverless_ai_pulumi.azure._place import Place


def guardrail(
    name: str, place: Place, account: cognitiveservices.Account, *, opts: pulumi.ResourceOptions
) -> cognitiveservices.RaiPolicy:
    """Content filters and prompt attacks, as `serverless_ai_patterns.azure.guardrail` has them."""
    return cognitiveservices.RaiPolicy(
        name,
        resource_group_name=place.group,
        account_name=account.name,
        rai_policy_name=name,
        properties=cognitiveservices.RaiPolicyPropertiesArgs(
            base_policy_name=content.BASE,
            mode=cognitiveservices.RaiPolicyMode.BLOCKING,
            content_filters=[
                cognitiveservices.RaiPolicyContentFilterArgs(
                    name=one.name,
                    source=one.source,
                    severity_threshold=one.threshold,
                    enabled=True,
                    blocking=True,
                )
                for one in content.FILTERS
            ],
        ),
        opts=opts,
    )
