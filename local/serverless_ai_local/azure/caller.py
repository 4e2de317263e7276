"""A person of the local tenant, who may call what the stack of `pulumi/stacks/azure` deploys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serverless_ai_local.launch import RunningCloud

NAME: Final = "ada"
CLIENT: Final = "c11e27a9-0000-4000-8000-000000000001"
"""The app registration that she gets tokens for."""
CONFIG: Final[Mapping[str, str]] = {"entra_client_id": CLIENT}


def token(cloud: RunningCloud) -> str:
    """Her token, as Entra signs it."""
    return cloud.admin("POST", "azure/users/token", {"sub": NAME, "aud": CLIENT})["access_token"]
