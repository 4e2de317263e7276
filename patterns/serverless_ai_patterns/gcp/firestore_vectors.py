"""Vectors in Firestore: where an index is, and which indexes its searches need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from serverless_ai_runtime.adapters.gcp.firestore_vectors import MOST_DIMENSIONS, OF, TENANT

FILTERS: Final[Mapping[str, tuple[str, ...]]] = {"tenant": (TENANT,), "document": (TENANT, OF)}
"""What a search may filter by: each takes an index of its own, which ends with the vector."""


def place(project: str, database: str, index: str) -> str:
    """The collection of an index, as Firestore's REST API names it and the function is told."""
    return f"projects/{project}/databases/{database}/documents/{index}"


def check(indexes: Mapping[str, int]) -> None:
    """Raise ValueError for a dimension that Firestore cannot have. `indexes`: name -> dimension."""
    for name, dimension in indexes.items():
        if not 1 <= dimension <= MOST_DIMENSIONS:
            raise ValueError(
                f"index {name}: vectors in Firestore have 1 to {MOST_DIMENSIONS} dimensions, got {dimension}"
            )
