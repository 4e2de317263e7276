"""Credentials of whoever is logged in to a cloud's own command line; variables take precedence over it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Final

from serverless_ai_runtime.config import AwsConfig

AZURE_TOKEN: Final = "SERVERLESS_AI_AZURE_TOKEN"  # noqa: S105 - a variable's name
GOOGLE_TOKEN: Final = "CLOUDSDK_AUTH_ACCESS_TOKEN"  # noqa: S105 - a variable's name
_TIMEOUT_S: Final = 60


class NotLoggedIn(Exception):
    """The text says what to do."""


class FixedToken:
    """One token for all services: as long as a command runs."""

    def __init__(self, text: str) -> None:
        self._text = text

    def get(self, resource: str, deadline: object) -> str:
        return self._text

    def drop(self, resource: str, text: str) -> None:
        """A token that was not taken stays the only one."""


def aws(region: str, env: Mapping[str, str] = os.environ) -> AwsConfig:
    """Keys from the usual variables, or of the profile that the `aws` command uses."""
    if env.get("AWS_ACCESS_KEY_ID"):
        keys: Mapping[str, Any] = {
            "AccessKeyId": env["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": env.get("AWS_SECRET_ACCESS_KEY", ""),
            "SessionToken": env.get("AWS_SESSION_TOKEN", ""),
        }
    else:
        keys = json.loads(
            _said(["aws", "configure", "export-credentials", "--format", "process"], "aws sso login")
        )
    return AwsConfig(
        region=region,
        access_key_id=keys["AccessKeyId"],
        secret_access_key=keys["SecretAccessKey"],
        session_token=keys.get("SessionToken") or "",
    )


def azure(resource: str, env: Mapping[str, str] = os.environ) -> FixedToken:
    """A token for `resource`."""
    command = [
        "az",
        "account",
        "get-access-token",
        "--resource",
        resource,
        "--query",
        "accessToken",
        "-o",
        "tsv",
    ]
    return FixedToken(env.get(AZURE_TOKEN) or _said(command, "az login"))


def google(env: Mapping[str, str] = os.environ) -> FixedToken:
    """A token for Google's services."""
    return FixedToken(
        env.get(GOOGLE_TOKEN) or _said(["gcloud", "auth", "print-access-token"], "gcloud auth login")
    )


def _said(command: Sequence[str], login: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotLoggedIn(f"`{command[0]}` cannot be run ({error}): install it, then `{login}`") from None
    if done.returncode:
        why = done.stderr.strip().splitlines() or ["no reason given"]
        raise NotLoggedIn(f"`{' '.join(command[:3])}` failed: {why[-1]}; try `{login}`")
    return done.stdout.strip()
