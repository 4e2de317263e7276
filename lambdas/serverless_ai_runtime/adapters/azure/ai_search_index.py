"""What an index of Azure AI Search is made as; only the first write of an index needs it."""

from __future__ import annotations

from typing import Any, Final

VECTOR: Final = "vector"
_PROFILE, _ALGORITHM = "nearest", "graph"


def definition(name: str, dimension: int) -> dict[str, Any]:
    """Chunks by their vectors (a graph, cosine) and the words of their texts, of a tenant and a document."""
    return {
        "name": name,
        "fields": [
            _text("id", key=True),
            _text("tenant", filterable=True, retrievable=False),
            _text("doc", filterable=True, retrievable=False),
            _text("entry"),
            _text("document"),
            _text("heading"),
            _text("text", searchable=True),
            {
                "name": VECTOR,
                "type": "Collection(Edm.Single)",
                "searchable": True,
                "retrievable": False,
                "stored": False,
                "dimensions": dimension,
                "vectorSearchProfile": _PROFILE,
            },
        ],
        "vectorSearch": {
            "algorithms": [{"name": _ALGORITHM, "kind": "hnsw", "hnswParameters": {"metric": "cosine"}}],
            "profiles": [{"name": _PROFILE, "algorithm": _ALGORITHM}],
        },
    }


def _text(name: str, **wanted: bool) -> dict[str, Any]:
    """A field of text: what is not wanted is off, which is not what the service takes for granted."""
    off = dict.fromkeys(("key", "searchable", "filterable", "sortable", "facetable"), False)
    return {"name": name, "type": "Edm.String", **off, "retrievable": True, **wanted}
