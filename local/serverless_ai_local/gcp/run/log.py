"""Entries as Cloud Logging keeps them: what functions print, and the requests that fronts have answered."""

from __future__ import annotations

import itertools
import json
import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from serverless_ai_local.plain import is_mapping

KEPT: Final = 20_000
TRACE: Final = "logging.googleapis.com/trace"
"""The field of a printed object that names the entry's trace, and is taken out of it."""

Entry = dict[str, Any]


class Logs:
    """The latest entries: of each function, and of all requests."""

    def __init__(self) -> None:
        self._entries: dict[str, deque[Entry]] = {}
        self._requests: deque[Entry] = deque(maxlen=KEPT)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def add(self, function: str, line: str) -> None:
        """One line that it printed: JSON is a jsonPayload, any other a textPayload."""
        if not line:
            return
        content = _object(line)
        entry = self._entry("cloud_run_revision", service_name=function)
        if content is None:
            entry["textPayload"] = line
        else:
            trace = content.pop(TRACE, "")
            entry |= {"jsonPayload": content} | ({"trace": trace} if trace else {})
        with self._lock:
            self._entries.setdefault(function, deque(maxlen=KEPT)).append(entry)

    def add_request(self, kind: str, trace: str, request: Mapping[str, Any], **labels: str) -> None:
        """A request that the resource `kind` of these labels has answered."""
        entry = {**self._entry(kind, **labels), "trace": trace, "httpRequest": dict(request)}
        with self._lock:
            self._requests.append(entry)

    def read(self, function: str) -> list[Entry]:
        """What it has printed, in order; none for a function that has printed nothing."""
        with self._lock:
            return list(self._entries.get(function, ()))

    def all(self, trace: str = "") -> list[Entry]:
        """Every entry in order, or those of one trace (by its id or its full name)."""
        with self._lock:
            everything = [*self._requests, *(one for some in self._entries.values() for one in some)]
        wanted = trace.rpartition("/")[2]
        found = [one for one in everything if not wanted or one.get("trace", "").endswith(f"/{wanted}")]
        return sorted(found, key=lambda one: int(one["insertId"]))

    def _entry(self, kind: str, **labels: str) -> Entry:
        return {
            "insertId": str(next(self._ids)),
            "timestamp": datetime.now(UTC).isoformat(),
            "resource": {"type": kind, "labels": labels},
        }


def _object(line: str) -> dict[str, Any] | None:
    try:
        content: Any = json.loads(line)
    except ValueError:
        return None
    return dict(content) if is_mapping(content) else None
