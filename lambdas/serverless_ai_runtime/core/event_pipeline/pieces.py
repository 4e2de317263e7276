"""Texts that are too long for one model call: cut at paragraphs, and what came of the pieces put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from serverless_ai_runtime.core.context import estimate_tokens
from serverless_ai_runtime.core.event_pipeline.ports import Output, Usage

_SEPARATORS = ("\n\n", "\n", ". ", " ")


def cut(text: str, tokens: int) -> list[str]:
    """Pieces of at most `tokens` tokens by estimate, together the text, cut where it hurts least."""
    if estimate_tokens(text) <= tokens:
        return [text]
    for separator in _SEPARATORS:
        parts = text.split(separator)
        if len(parts) > 1:
            return _joined([part + separator for part in parts[:-1]] + [parts[-1]], tokens)
    middle = len(text) // 2
    return cut(text[:middle], tokens) + cut(text[middle:], tokens)


def _joined(parts: Sequence[str], tokens: int) -> list[str]:
    """Parts put together as long as they fit; what does not fit alone is cut further."""
    pieces: list[str] = []
    room = 0
    for part in parts:
        cost = estimate_tokens(part)
        if cost > tokens:
            pieces += cut(part, tokens)
            room = 0
        elif pieces and cost <= room:
            pieces[-1] += part
            room -= cost
        else:
            pieces.append(part)
            room = tokens - cost
    return [piece for piece in pieces if piece]


def merge(task: str, outputs: Sequence[Output]) -> Output:
    """One output of those of a document's pieces, in their order."""
    if len(outputs) == 1:
        return outputs[0]
    values = [output.value for output in outputs]
    usage = Usage(
        outputs[0].usage.model,
        sum(output.usage.input_tokens for output in outputs),
        sum(output.usage.output_tokens for output in outputs),
    )
    if task == "classify":
        return Output(_most_frequent(values), usage)
    if task == "summarize":
        return Output({"summary": "\n\n".join(value["summary"] for value in values)}, usage)
    if task == "translate":
        return Output({**values[0], "translation": "".join(value["translation"] for value in values)}, usage)
    return Output(_first_said(values), usage)


def _most_frequent(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    label, _ = Counter(value["label"] for value in values).most_common(1)[0]
    return next(value for value in values if value["label"] == label)


def _first_said(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Each field as the first piece that has it says; lists are put together."""
    merged: dict[str, Any] = {}
    for value in values:
        for name, said in value.items():
            if isinstance(said, list) and isinstance(merged.get(name), list):
                merged[name] += cast("list[Any]", said)
            else:
                merged.setdefault(name, said)
    return merged
