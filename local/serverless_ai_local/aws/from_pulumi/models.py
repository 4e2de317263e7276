"""Bedrock: guardrails and their versions."""

from __future__ import annotations

from typing import Any, Final

from serverless_ai_local.aws.from_pulumi.translation import (
    TAG_LIST,
    AutoName,
    Convert,
    Translation,
    block,
    capital,
    each,
)
from serverless_ai_local.aws.provider import Context, Made
from serverless_ai_local.doors.pulumi.values import Values


def _tier(value: Any) -> Any:
    """Terraform makes a list of what there is one of."""
    return capital(value[0])


_filters: Final[Convert] = each(capital)


def _version(context: Context, made: Made, properties: Values) -> str:
    return made.physical_id.rsplit("|", 1)[-1]


ROWS: Final = (
    Translation(
        "aws:bedrock/guardrail:Guardrail",
        "AWS::Bedrock::Guardrail",
        inputs={
            "blockedInputMessaging": "BlockedInputMessaging",
            "blockedOutputsMessaging": "BlockedOutputsMessaging",
            "contentPolicyConfig": (
                "ContentPolicyConfig",
                block(
                    {
                        "filtersConfigs": ("FiltersConfig", _filters),
                        "tierConfigs": ("ContentFiltersTierConfig", _tier),
                    }
                ),
            ),
            "contextualGroundingPolicyConfig": (
                "ContextualGroundingPolicyConfig",
                block({"filtersConfigs": ("FiltersConfig", _filters)}),
            ),
            "crossRegionConfig": (
                "CrossRegionConfig",
                block({"guardrailProfileIdentifier": "GuardrailProfileArn"}),
            ),
            "description": "Description",
            "kmsKeyArn": "KmsKeyArn",
            "name": "Name",
            "sensitiveInformationPolicyConfig": (
                "SensitiveInformationPolicyConfig",
                block(
                    {
                        "piiEntitiesConfigs": ("PiiEntitiesConfig", _filters),
                        "regexesConfigs": ("RegexesConfig", _filters),
                    }
                ),
            ),
            "tags": TAG_LIST,
            "timeouts": None,
            "topicPolicyConfig": (
                "TopicPolicyConfig",
                block(
                    {"tierConfigs": ("TopicsTierConfig", _tier), "topicsConfigs": ("TopicsConfig", _filters)}
                ),
            ),
            "wordPolicyConfig": (
                "WordPolicyConfig",
                block(
                    {
                        "managedWordListsConfigs": ("ManagedWordListsConfig", _filters),
                        "wordsConfigs": ("WordsConfig", _filters),
                    }
                ),
            ),
        },
        id="{a[GuardrailId]}",
        outputs={
            "createdAt": "{a[CreatedAt]}",
            "guardrailArn": "{a[GuardrailArn]}",
            "guardrailId": "{a[GuardrailId]}",
            "status": "{a[Status]}",
            "updatedAt": "{a[UpdatedAt]}",
            "version": "{a[Version]}",
        },
        name=AutoName(limit=50),
    ),
    Translation(
        "aws:bedrock/guardrailVersion:GuardrailVersion",
        "AWS::Bedrock::GuardrailVersion",
        inputs={
            "description": "Description",
            "guardrailArn": "GuardrailIdentifier",
            # Versions that are in use stay as long as their guardrail does.
            "skipDestroy": None,
            "timeouts": None,
        },
        outputs={"version": _version},
    ),
)
