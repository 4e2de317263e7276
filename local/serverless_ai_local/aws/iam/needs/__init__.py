"""What each operation needs: IAM action, resource and condition keys (Service Authorization Reference)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.iam.needs import bedrock, dynamodb, s3, s3vectors, services
from serverless_ai_local.aws.iam.needs.base import Need, Parameters, Place, Rule

RULES: Final[Mapping[tuple[str, str], Rule]] = {
    **bedrock.RULES,
    **dynamodb.RULES,
    **s3.RULES,
    **s3vectors.RULES,
    **services.RULES,
}


def needs(service: str, operation: str, parameters: Parameters, place: Place) -> list[Need]:
    """All that one call needs; `service` is botocore's name.

    Raises `ApiError` for an operation without a row: what cannot be checked is not allowed.
    """
    rule = RULES.get((service, operation))
    if rule is None:
        detail = f"the local cloud does not know which permissions {service}:{operation} needs"
        raise ApiError("AccessDeniedException", f"{detail}, so no role may call it", 403)
    try:
        return rule(parameters, place)
    except (KeyError, TypeError, AttributeError) as error:
        raise ApiError("ValidationException", f"{service}:{operation} lacks {error}") from error


__all__ = ["RULES", "Need", "Place", "needs"]
