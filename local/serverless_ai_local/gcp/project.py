"""The project that everything is in unless a program says otherwise, and Google's own accounts in it."""

from __future__ import annotations

from typing import Final

PROJECT: Final = "serverless-ai-local"
NUMBER: Final = "123456789012"
"""Every project's number here."""
REGION: Final = "us-central1"

_AGENTS: Final = {
    "pubsub.googleapis.com": "gcp-sa-pubsub",
    "cloudscheduler.googleapis.com": "gcp-sa-cloudscheduler",
    "logging.googleapis.com": "gcp-sa-logging",
    "storage.googleapis.com": "gs-project-accounts",
    "run.googleapis.com": "serverless-robot-prod",
}
"""Source: https://cloud.google.com/iam/docs/service-agents, 2026-11."""
AGENTS: Final = tuple(_AGENTS)
PUBSUB_AGENT: Final = f"service-{NUMBER}@{_AGENTS['pubsub.googleapis.com']}.iam.gserviceaccount.com"


def agent(service: str) -> str:
    """Mail address of the account that `service` works as. Raises ValueError for one without."""
    if service not in _AGENTS:
        raise ValueError(f"no service agent of {service} is known; known: {', '.join(AGENTS)}")
    return f"service-{NUMBER}@{_AGENTS[service]}.iam.gserviceaccount.com"


def account(account_id: str, project: str) -> str:
    """Mail address of a service account of the project."""
    return f"{account_id}@{project}.iam.gserviceaccount.com"
