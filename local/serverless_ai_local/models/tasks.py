"""What the built-in model makes of texts when it is asked for JSON: summaries, labels, forms, translations.

The prompts are those of the event pipeline. Everything in an answer stands in the text: a summary is its
first sentences, a label the one whose words occur most, a form holds what the text says after a field's name.
Only a translation is none: the text comes back as it was, marked with the language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from serverless_ai_local.models.chat import ChatRequest
from serverless_ai_local.models.words import WORD, content_words, split

_PROMPT: Final = re.compile(
    r'JSON: \{"items": .*?For each item: (?P<task>.*?)\n'
    r'Answer with JSON only: \{"results": .*?\n(?P<schema>\{.*)',
    re.DOTALL,
)
_MAX_WORDS: Final = re.compile(r"at most (\d+) words")
_LANGUAGE: Final = re.compile(r"into the language (\S+)")
_VALUE: Final = r"\s*[:=]\s*(?P<value>.+?)\s*(?:$|[.;](?=\s|$))"
_NUMBER: Final = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
_TRUTHS: Final = {"yes": True, "true": True, "no": False, "false": False}

Schema = Mapping[str, Any]


def answer(request: ChatRequest) -> str | None:
    """The JSON that was asked for; None if this is no such question."""
    prompt = _PROMPT.search(request.system)
    if prompt is None or not request.turns:
        return None
    try:
        schema: Schema = json.loads(prompt["schema"])
        items = [(item["id"], item["text"]) for item in json.loads(request.turns[-1].text)["items"]]
    except (ValueError, KeyError, TypeError):
        return None
    work = _work(prompt["task"])
    results = [{"id": name, **work(str(text), prompt["task"], schema)} for name, text in items]
    return json.dumps({"results": results}, ensure_ascii=False)


def _work(task: str) -> Callable[[str, str, Schema], dict[str, Any]]:
    verb = WORD.search(task)
    return {"summarize": _summarize, "choose": _choose, "translate": _translate}.get(
        verb[0] if verb else "", _fill_in
    )


def _summarize(text: str, task: str, schema: Schema) -> dict[str, Any]:
    """The first sentences, as many as the words allow; at least the beginning of the first."""
    found = _MAX_WORDS.search(task)
    room = int(found[1]) if found else 50
    summary: list[str] = []
    for sentence in split(text):
        words = sentence.split()
        if summary and len(words) > room:
            break
        summary.append(" ".join(words[:room]))
        room -= len(words)
    return {"summary": " ".join(summary)}


def _choose(text: str, task: str, schema: Schema) -> dict[str, Any]:
    """The label whose words the text names most often; the first one when it names none."""
    labels: list[str] = schema["properties"]["label"]["enum"]
    said = [content_words(word) for word in WORD.findall(text)]
    counts = {label: sum(bool(word & content_words(label)) for word in said) for label in labels}
    best = max(labels, key=lambda label: counts[label])
    times = counts[best]
    reason = f"The text names it {times} times." if times else "The text names none of the labels."
    return {"label": best, "reason": reason}


def _translate(text: str, task: str, schema: Schema) -> dict[str, Any]:
    found = _LANGUAGE.search(task)
    language = found[1] if found else "und"
    return {"translation": f"[{language}] {text}", "language": language}


def _fill_in(text: str, task: str, schema: Schema) -> dict[str, Any]:
    """The fields of the form that the text names: `Invoice number: A-17`."""
    fields = cast("Mapping[str, Schema]", schema.get("properties", {}))
    values = {name: _value(text, name, field) for name, field in fields.items()}
    return {name: value for name, value in values.items() if value is not None}


def _value(text: str, name: str, field: Schema) -> Any:
    titles = (name, name.replace("_", " "), str(field.get("title", "")), str(field.get("description", "")))
    for title in dict.fromkeys(title for title in titles if title):
        said = re.search(r"\b" + re.escape(title) + _VALUE, text, re.IGNORECASE | re.MULTILINE)
        if said:
            return _typed(said["value"], field)
    return None


def _typed(said: str, field: Schema) -> Any:
    kinds: Any = field.get("type", "string")
    kind: Any = cast("list[Any]", kinds)[0] if isinstance(kinds, list) else kinds
    if kind in ("number", "integer"):
        number = _NUMBER.search(said)
        value = float(number[0].replace(",", "")) if number else None
        return int(value) if value is not None and (kind == "integer" or value.is_integer()) else value
    if kind == "boolean":
        return _TRUTHS.get(said.split(maxsplit=1)[0].lower())
    if kind == "array":
        return [one.strip() for one in said.split(",") if one.strip()]
    allowed: list[str] | None = field.get("enum")
    if allowed is not None:
        return next((one for one in allowed if one.lower() == said.lower()), None)
    return said
