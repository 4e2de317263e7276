"""What functions print, as Cloud Logging keeps it: JSON is a jsonPayload, any other line a textPayload."""

from __future__ import annotations

import json
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final

from serverless_ai_local.plain import is_mapping

KEPT: Final = 20_000


class Logs:
    """The latest entries of each function."""

    def __init__(self) -> None:
        self._entries: dict[str, deque[dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def add(self, function: str, line: str) -> None:
        """One line that it printed."""
        if not line:
            return
        entry: dict[str, Any] = {
            "timestamp": datetime.now(UTC).isoformat(),
            "resource": {"type": "cloud_run_revision", "labels": {"service_name": function}},
        }
        content = _object(line)
        entry |= {"textPayload": line} if content is None else {"jsonPayload": content}
        with self._lock:
            self._entries.setdefault(function, deque(maxlen=KEPT)).append(entry)

    def read(self, function: str) -> list[dict[str, Any]]:
        """In order of arrival; none for a function that has printed nothing."""
        with self._lock:
            return list(self._entries.get(function, ()))


def _object(line: str) -> dict[str, Any] | None:
    try:
        content: Any = json.loads(line)
    except ValueError:
        return None
    return content if is_mapping(content) else None
