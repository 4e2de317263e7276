"""S3 Vectors as a store of RAG: what an index is made with, and who may do what with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from serverless_ai_patterns.aws.policy import Statement
from serverless_ai_runtime.adapters.aws import s3_vectors

DATA_TYPE: Final = "float32"
DISTANCE: Final = s3_vectors.DISTANCE
NOT_FILTERABLE: Final = s3_vectors.NOT_FILTERABLE


def read(index_arns: Sequence[str]) -> list[Statement]:
    """What who searches needs."""
    return [Statement(sid="SearchVectors", actions=s3_vectors.READ_ACTIONS, resources=index_arns)]


def write(index_arns: Sequence[str]) -> list[Statement]:
    """What who keeps the index needs."""
    return [Statement(sid="WriteVectors", actions=s3_vectors.WRITE_ACTIONS, resources=index_arns)]
