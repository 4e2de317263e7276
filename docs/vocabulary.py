"""The settings as tables: every field with its default and its own words, as the code has them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from types import NoneType
from typing import Any, get_args

from serverless_ai_patterns.event_pipeline.processors import Processor
from serverless_ai_patterns.settings import types_of
from serverless_ai_patterns.validation import members


def settings_table(settings: type[Any]) -> str:
    """Every setting, group by group; of a choice between several groups only which one is the default."""
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *_rows(settings, settings(), "")])


def processors_table() -> str:
    """Every processor of the event pipeline with its options and what it makes."""
    lines = ["| `processor` | options | what comes out |", "|---|---|---|"]
    for kind in get_args(Processor):
        words = _field_docs(kind)
        options = [
            f"`{field.name}`{_default(field)}" + (f": {words[field.name]}" if field.name in words else "")
            for field in dataclasses.fields(kind)
        ]
        meaning = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
        lines.append(f"| `{kind.__name__}` | {'<br>'.join(options)} | {meaning} |")
    return "\n".join(lines)


def _rows(kind: type[Any], value: object, path: str) -> Iterator[str]:
    """A row for each field of a group; `value` is the group as it is by default, None if it is not there."""
    words, types = _field_docs(kind), types_of(kind)
    for field in dataclasses.fields(kind):
        default = getattr(value, field.name, None)
        groups = [one for one in members(types[field.name]) if dataclasses.is_dataclass(one)]
        name, meaning = f"{path}{field.name}", words.get(field.name, "")
        optional = NoneType in members(types[field.name])
        if len(groups) > 1:
            chosen = f"`{type(default).__name__}()`"
            yield f"| `{name}` | {chosen} | {meaning or _summary(type(default))} |"
        elif groups:
            if optional:
                shown = "" if default is None else f"`{type(default).__name__}()`"
                yield f"| `{name}` | {shown} | {meaning or _summary(groups[0])} |"
            yield from _rows(groups[0], default, f"{name}.")
        else:
            yield f"| `{name}` | {'' if default is None else f'`{default!r}`'} | {meaning} |"


def _summary(kind: type[Any]) -> str:
    return (inspect.getdoc(kind) or "").split("\n", 1)[0]


def _default(field: dataclasses.Field[Any]) -> str:
    return "" if field.default is dataclasses.MISSING else f" = `{field.default!r}`"


def _field_docs(kind: type[Any]) -> dict[str, str]:
    """The text under each field, which Python itself does not keep."""
    (body,) = (node for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    found: dict[str, str] = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            found[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found
