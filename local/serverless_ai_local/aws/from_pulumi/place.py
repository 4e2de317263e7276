"""Where a resource lives: a provider's settings, and clients of the local services there."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.aws.clients import Clients
from serverless_ai_local.aws.from_pulumi import REGION
from serverless_ai_local.aws.provider import Context
from serverless_ai_local.doors.pulumi.clouds import CloudError, Target
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Values

ACCOUNT: Final = "123456789012"
REGION_NAME: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
# Who signs, how and how often has no bearing on the local cloud.
HARMLESS: Final = frozenset(
    {
        "accessKey",
        "maxRetries",
        "profile",
        "retryMode",
        "s3UsePathStyle",
        "secretKey",
        "sharedConfigFiles",
        "sharedCredentialsFiles",
        "skipCredentialsValidation",
        "skipMetadataApiCheck",
        "skipRegionValidation",
        "skipRequestingAccountId",
        "token",
    }
)
MEANT: Final = ("allowedAccountIds", "defaultTags", "forbiddenAccountIds", "region")


def settings(config: Values) -> Mapping[str, Any]:
    """`region` and `tags` of a provider's configuration. Raises `CloudError` naming what it cannot have."""
    values = {key: _parsed(value) for key, value in config.items() if value is not UNKNOWN}
    unknown = sorted(values.keys() - HARMLESS - set(MEANT))
    if unknown:
        allowed = ", ".join((*MEANT, *sorted(HARMLESS)))
        raise CloudError(f"aws:{unknown[0]} is not supported on the local cloud; allowed: {allowed}")
    region = str(values.get("region") or REGION)
    if not REGION_NAME.fullmatch(region):
        raise CloudError(f"aws:region must be a region such as {REGION} and is {region!r}")
    allowed_ids = values.get("allowedAccountIds")
    if (allowed_ids and ACCOUNT not in allowed_ids) or ACCOUNT in values.get("forbiddenAccountIds", ()):
        raise CloudError(f"the account of the local cloud is {ACCOUNT}, which this provider does not allow")
    default_tags: Mapping[str, Any] = values.get("defaultTags") or {}
    return {"region": region, "tags": dict(default_tags.get("tags") or {})}


def _parsed(value: Any) -> Any:
    """Lists and objects come as JSON from a stack's configuration."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError as error:
            raise CloudError(f"{value!r} is not JSON: {error}") from error
    return value


def context_for(target: Target, inputs: Values) -> Context:
    """The place of a resource; its own `region` wins."""
    region = str(inputs.get("region") or target.settings["region"])
    return Context(
        client=lambda service: _clients(target.endpoint).get(service, region),
        account=ACCOUNT,
        region=region,
        stack=target.stack,
        endpoint=target.endpoint,
        tags=target.settings.get("tags", {}),
        old_tags=target.before.get("tags", {}),
    )


@functools.cache
def _clients(endpoint: str) -> Clients:
    return Clients(endpoint)
