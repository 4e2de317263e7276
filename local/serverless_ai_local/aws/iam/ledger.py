"""Every permission check of an issued role, so that a test can show that each granted action is used."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One question put to a role's policies, and the answer."""

    role: str
    """Name of the role."""
    action: str
    resource: str
    allowed: bool
    message: str = ""
    """The cloud's own words when it was refused."""


class Ledger:
    """Counts equal checks instead of keeping each, so it does not grow with traffic."""

    def __init__(self) -> None:
        self._counts: dict[Check, int] = {}
        self._lock = threading.Lock()

    def add(self, check: Check) -> None:
        """Remember one check."""
        with self._lock:
            self._counts[check] = self._counts.get(check, 0) + 1

    def checks(self, role: str | None = None) -> list[dict[str, Any]]:
        """What was checked, in the order in which it was first asked; of one role if it is named."""
        with self._lock:
            counts = list(self._counts.items())
        return [
            {
                "role": check.role,
                "action": check.action,
                "resource": check.resource,
                "allowed": check.allowed,
                "message": check.message,
                "times": times,
            }
            for check, times in counts
            if role in (None, check.role)
        ]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._counts.clear()
