"""Every rule of the pack."""

from __future__ import annotations

from typing import Final

from serverless_ai_policy import (
    aws,
    aws_access,
    aws_documents,
    aws_events,
    azure,
    azure_access,
    azure_data,
    gcp,
    gcp_access,
    gcp_events,
    secrets,
)
from serverless_ai_policy.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *secrets.RULES,
    *aws.RULES,
    *aws_access.RULES,
    *aws_events.RULES,
    *aws_documents.RULES,
    *azure.RULES,
    *azure_access.RULES,
    *azure_data.RULES,
    *gcp.RULES,
    *gcp_access.RULES,
    *gcp_events.RULES,
)
