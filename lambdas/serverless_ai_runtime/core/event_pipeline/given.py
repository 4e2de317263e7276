"""What all AI services share: what they are given of an item, how their refusals and answers are taken."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final, NoReturn, Protocol

from serverless_ai_runtime.core.event_pipeline.ports import Source, Unprocessable
from serverless_ai_runtime.core.objects import ObjectRef
from serverless_ai_runtime.core.ports import Refused, Unavailable

MEBIBYTE: Final = 1024 * 1024


class Answering(Protocol):
    """A service of any cloud, as far as its answers may be malformed."""

    def malformed(self, operation: str, what: str) -> Unavailable: ...


# -- given -----------------------------------------------------------------------------------------------
def content_of(source: Source, service: str, most_mb: int) -> bytes:
    """An item's file; raises `Unprocessable` for a message, and for one too large for the service."""
    require_file(source, service)
    return source.load(most_mb * MEBIBYTE)


def require_file(source: Source, service: str) -> None:
    """Raise `Unprocessable` for an item that is a message."""
    if source.ref is None:
        raise Unprocessable("unsupported_type", f"{service} takes files: upload one, do not send a message")


def named_file(source: Source, service: str, suffixes: Collection[str]) -> tuple[ObjectRef, str]:
    """Where an item's file is, and what its name ends in: in lower case, without the dot.

    Raises `Unprocessable` for a message, and for a name that ends in none of `suffixes`.
    """
    suffix = source.name.rpartition(".")[2].lower()
    if source.ref is None or suffix not in suffixes:
        allowed = ", ".join(suffixes)
        raise Unprocessable(
            "unsupported_type", f"{service} takes files named .{allowed}; got {source.name!r}"
        )
    return source.ref, suffix


def no_jobs(service: str, handle: str) -> NoReturn:
    """The `collect` of a service that starts no jobs."""
    raise Unprocessable("unknown_job", f"{service} starts no jobs, but {handle} came back")


# -- taken -----------------------------------------------------------------------------------------------
@contextmanager
def judged(final: Mapping[str, str]) -> Generator[None]:
    """Turn a refusal that no further attempt mends into `Unprocessable`, with the service's own words.

    `final`: the service's code, or the HTTP status as text -> our code.
    """
    try:
        yield
    except Refused as error:
        code = final.get(error.code) or final.get(str(error.status))
        if code is None:
            raise
        raise Unprocessable(code, str(error)) from None


@contextmanager
def as_promised(service: Answering, operation: str) -> Generator[None]:
    """Turn a failure to read an answer into the error for one that is not what the service promises.

    Half an answer must not be taken for a result: an image without labels for unfit content is fit.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise service.malformed(operation, f"not what was asked for: {error!r}") from None


# -- the neutral values of `AiService` --------------------------------------------------------------------
def pages_value(texts: Mapping[int, str]) -> dict[str, Any]:
    """Of ocr: the text of each page by its number."""
    pages = [{"page": page, "text": text} for page, text in texts.items()]
    return {"text": "\n\n".join(texts.values()), "pages": pages}


def moderation_value(scores: Iterable[tuple[str, float]], threshold: int) -> dict[str, Any]:
    """Of moderate: the worst score of each category, 0 to 1, from `threshold` percent on."""
    worst: dict[str, float] = {}
    for name, score in scores:
        worst[name] = max(worst.get(name, 0.0), score)
    categories = [
        {"name": name, "score": round(score, 4)} for name, score in worst.items() if score * 100 >= threshold
    ]
    return {"flagged": bool(categories), "categories": categories}


def entities_value(found: Iterable[tuple[str, str, float]]) -> dict[str, Any]:
    """Of entities: type, text and score, the best of what was found more than once."""
    best: dict[tuple[str, str], float] = {}
    for kind, text, score in found:
        best[kind, text] = max(best.get((kind, text), 0.0), score)
    return {
        "entities": [
            {"type": kind, "text": text, "score": round(score, 4)} for (kind, text), score in best.items()
        ]
    }
