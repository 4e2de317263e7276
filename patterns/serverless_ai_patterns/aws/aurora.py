"""An Aurora cluster for vectors, as CDK and Pulumi make it alike: engine, network, what its users may do."""

from __future__ import annotations

from typing import Final

from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_runtime.adapters.aws import aurora

ENGINE: Final = "aurora-postgresql"
VERSION: Final = "17.7"
"""Has pgvector 0.8 (17.4 and later, from memory) and may pause (16.3 and later: facts of 2026-11)."""
INSTANCE_CLASS: Final = "db.serverless"
MIN_ACU: Final = 0
"""It pauses; any other minimum is paid for day and night."""
DATABASE: Final = "rag"
USER: Final = "rag"

NETWORK: Final = "10.0.0.0/24"
SUBNETS: Final = ("10.0.0.0/25", "10.0.0.128/25")
"""A cluster wants subnets in two zones. Nobody is in them but the cluster: the Data API is no part of a
network."""

KEY_SERVICES: Final = aurora.KEY_SERVICES
"""Through which a function uses the customer's key, when the cluster is made with one."""


def place(cluster_arn: str, secret_arn: str) -> str:
    """Where a table is, for the function's configuration."""
    return aurora.Place(cluster_arn, secret_arn, DATABASE).text()


def read(cluster_arn: str, secret_arn: str) -> list[Statement]:
    """What a function needs that searches."""
    return [
        Statement(sid="ReadAurora", actions=aurora.READ_ACTIONS, resources=[cluster_arn]),
        Statement(sid="ReadAuroraSecret", actions=aurora.SECRET_ACTIONS, resources=[secret_arn]),
    ]


def write(cluster_arn: str, secret_arn: str) -> list[Statement]:
    """What a function needs that writes; it may search as well, for IAM sees no difference."""
    return [
        Statement(sid="WriteAurora", actions=aurora.WRITE_ACTIONS, resources=[cluster_arn]),
        Statement(sid="WriteAuroraSecret", actions=aurora.SECRET_ACTIONS, resources=[secret_arn]),
    ]
