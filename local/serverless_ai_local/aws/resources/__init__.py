"""What CloudFormation resource types become on the local AWS: providers over the services' own operations."""

from __future__ import annotations

from collections.abc import Mapping

from serverless_ai_local.aws.provider import Provider
from serverless_ai_local.aws.resources import (
    apigateway,
    bootstrap,
    buckets,
    databases,
    events,
    functions,
    models,
    network,
    observability,
    opensearch,
    queues,
    roles,
    security,
    tables,
    vectors,
)


def registry() -> Mapping[str, Provider]:
    """CloudFormation type -> its provider; what is not in it does not exist here."""
    providers: tuple[Provider, ...] = (
        *apigateway.KINDS,
        *bootstrap.PROVIDERS,
        *buckets.KINDS,
        *databases.KINDS,
        *events.KINDS,
        *functions.KINDS,
        *models.KINDS,
        *network.KINDS,
        *observability.KINDS,
        *opensearch.KINDS,
        *queues.PROVIDERS,
        *roles.PROVIDERS,
        *security.KINDS,
        *tables.PROVIDERS,
        *vectors.KINDS,
    )
    return {provider.type: provider for provider in providers}
