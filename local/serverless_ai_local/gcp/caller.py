"""Somebody to ask a deployed endpoint as: an invoker that the programs are told of, and their ID tokens."""

from __future__ import annotations

import json
from typing import Final

from serverless_ai_local.launch import RunningCloud

EMAIL: Final = "you@example.com"
CONFIG: Final = {"invokers": json.dumps([f"user:{EMAIL}"])}
"""Configuration of `pulumi/stacks/gcp` that lets them in."""


def id_token(cloud: RunningCloud, endpoint: str) -> str:
    """As `gcloud auth print-identity-token --audiences=ENDPOINT` gives it."""
    return str(cloud.admin("POST", "gcp/id-token", {"email": EMAIL, "audience": endpoint})["token"])
