"""An index: documents by the vectors of one embedding model. Who writes and who reads share it."""

from __future__ import annotations

from typing import NamedTuple

from serverless_ai_runtime.core.ports import World
from serverless_ai_runtime.core.rag.manifests import Manifests
from serverless_ai_runtime.core.rag.ports import Embedder, VectorStore


class Index(NamedTuple):
    embedder: Embedder
    store: VectorStore
    manifests: Manifests
    world: World
