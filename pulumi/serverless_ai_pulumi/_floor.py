"""What a program says when its store costs something while nobody asks."""

from __future__ import annotations

import pulumi

from serverless_ai_patterns.rag.floors import floor_note
from serverless_ai_patterns.rag.stores import VectorStore


def tell_floor(component: pulumi.Resource | None, store: VectorStore) -> None:
    """Say it in the deployment's log; nothing of a store that idles at nothing."""
    note = floor_note(store)
    if note:
        pulumi.log.info(note, component)
