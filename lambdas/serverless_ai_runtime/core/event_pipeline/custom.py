"""A processor of the user's own: a function in a file that is bundled beside the handler."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from serverless_ai_runtime.core.event_pipeline.ports import Outcome, Output, Source, Started, Unprocessable
from serverless_ai_runtime.core.ports import Deadline, Journal

MODULE: Final = "serverless_ai_custom"
"""Name of the user's file in the zip, without .py."""
ALL: Final = 2**40

Function = Callable[[dict[str, Any]], object]


def load(function: str) -> Function:
    """The user's function; raises whatever importing its file raises, or `AttributeError`."""
    from importlib import import_module

    found: object = getattr(import_module(MODULE), function)
    if not callable(found):
        raise TypeError(f"{function} in the processor's file is not a function")
    return cast("Function", found)


class CustomProcessor:
    """Calls `function` with one item at a time; its `version` is the one the file gives itself, if any."""

    name = "custom"
    starts_jobs = False

    def __init__(self, function: Function) -> None:
        self._function = function
        self.version = str(getattr(function, "version", "1"))

    def process(self, sources: Sequence[Source], deadline: Deadline, journal: Journal) -> list[Outcome]:
        return [self._one(source) for source in sources]

    def collect(self, handle: str, deadline: Deadline) -> Output | Started:
        raise Unprocessable("unknown_job", f"a custom processor starts no jobs, but {handle} came back")

    def _one(self, source: Source) -> Outcome:
        try:
            item = {
                "name": source.name,
                "kind": "object" if source.ref else "message",
                "body": source.load(ALL),
                "text": source.text,
            }
        except Exception as error:
            return error
        try:
            return Output(_plain(self._function(item)))
        except ValueError as error:
            return Unprocessable("refused_by_processor", str(error))
        except Exception as error:
            return error


def _plain(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError(f"the processor must return a dict, got {type(value).__name__}")
    try:
        return cast("dict[str, Any]", json.loads(json.dumps(value)))
    except (TypeError, ValueError) as error:
        raise TypeError(f"the processor must return what JSON can hold: {error}") from None
