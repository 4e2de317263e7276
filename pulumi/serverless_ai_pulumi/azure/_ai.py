"""An account for the AI services that need no deployment: documents, images, speech, safety, language."""

from __future__ import annotations

from typing import NamedTuple

import pulumi
from pulumi_azure_native import cognitiveservices, storage

from serverless_ai_patterns.azure import roles
from serverless_ai_pulumi.azure._key import Encryption
from serverless_ai_pulumi.azure._model import ai_account
from serverless_ai_pulumi.azure._place import Place
from serverless_ai_pulumi.azure._roles import assign


class AiParts(NamedTuple):
    """The account, and what must be there before it is used."""

    account: cognitiveservices.Account
    granted: list[pulumi.Resource]


def ai_services(
    name: str,
    place: Place,
    *,
    reads: storage.BlobContainer | None,
    encryption: Encryption | None,
    opts: pulumi.ResourceOptions,
) -> AiParts:
    """`reads`: blobs that a service fetches itself, as the account's own identity."""
    made = ai_account(name, place, encryption=encryption, opts=opts)
    if reads is None:
        return AiParts(made, [])
    principal = made.identity.apply(lambda identity: (identity.principal_id or "") if identity else "")
    right = assign(f"{name}-read", roles.READ_BLOBS, scope=reads.id, principal_id=principal, opts=opts)
    return AiParts(made, [right])


def ai_endpoint(account: cognitiveservices.Account) -> pulumi.Output[str]:
    """Base URL of the account's AI services, without a slash at its end."""
    return account.properties.apply(lambda made: made.endpoint.rstrip("/"))
