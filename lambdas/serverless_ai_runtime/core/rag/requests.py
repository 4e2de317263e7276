"""Bytes from outside -> a question, or an `InvalidRequest` that names the field and what is allowed."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast

from serverless_ai_runtime.core.rag.ports import MOST_DOCUMENTS
from serverless_ai_runtime.core.requests import InvalidRequest, json_fields, kind_of, session_id, shown

MAX_QUESTION_CHARS: Final = 2_000
"""Cohere's embedding models take 2,048 characters."""
MAX_TOP_K: Final = 20
MAX_DOCUMENT_CHARS: Final = 1_024
"""Of a name: the longest key of S3, Cloud Storage and Blob Storage."""
FIELDS: Final = ("question", "session_id", "filter", "top_k", "stream")
SEARCH_FIELDS: Final = ("question", "filter", "top_k")
_EXAMPLE: Final = '{"question": "What is a dead-letter queue?"}'
_QUESTION: Final = f"a string of 1 to {MAX_QUESTION_CHARS} characters"
_FILTER: Final = f'{{"documents": [1 to {MOST_DOCUMENTS} names]}}'


class Asked(NamedTuple):
    question: str
    session_id: str | None
    documents: tuple[str, ...]
    """() = any."""
    top_k: int
    stream: bool
    """Whether the answer is to come as it is written."""


def parse(body: bytes, fields: tuple[str, ...], top_k: int) -> Asked:
    """The request in `body`, which may have `fields`; `top_k` is the default. Raises `InvalidRequest`."""
    given = json_fields(body, fields, _EXAMPLE)
    if "question" not in given:
        raise InvalidRequest("question", f"question is missing; it must be {_QUESTION}")
    return Asked(
        _question(given["question"]),
        session_id(given.get("session_id")),
        _documents(given.get("filter")),
        _top_k(given.get("top_k"), top_k),
        _stream(given.get("stream")),
    )


def _question(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest("question", f"question must be {_QUESTION}, got {kind_of(value)}")
    if not value.strip() or len(value) > MAX_QUESTION_CHARS:
        got = f"has {len(value)} characters" if value.strip() else "is empty"
        raise InvalidRequest("question", f"question {got}; it must be {_QUESTION}, not only white space")
    if not _unicode(value):
        raise InvalidRequest("question", "question must be valid Unicode: it holds half a surrogate pair")
    return value


def _documents(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    names: object = fields.get("documents")
    if set(fields) != {"documents"} or not isinstance(names, list):
        raise InvalidRequest("filter", f"filter must be {_FILTER}")
    listed = cast("list[object]", names)
    documents = [one for one in listed if isinstance(one, str) and 1 <= len(one) <= MAX_DOCUMENT_CHARS]
    if not 1 <= len(listed) <= MOST_DOCUMENTS or len(documents) != len(listed):
        raise InvalidRequest(
            "filter", f"filter must be {_FILTER}, each of 1 to {MAX_DOCUMENT_CHARS} characters"
        )
    for one in documents:
        if not _unicode(one):
            raise InvalidRequest("filter", f"filter must be valid Unicode; {shown(one)} is not")
    return tuple(dict.fromkeys(documents))


def _top_k(value: object, default: int) -> int:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_TOP_K:
        got = value if isinstance(value, int) and not isinstance(value, bool) else kind_of(value)
        raise InvalidRequest("top_k", f"top_k must be a whole number, 1 to {MAX_TOP_K}; got {got}")
    return value


def _stream(value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        raise InvalidRequest("stream", f"stream must be true or false, got {kind_of(value)}")
    return bool(value)


def _unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
