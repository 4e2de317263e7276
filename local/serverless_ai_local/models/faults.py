"""Faults on demand: the next calls of the model are throttled, slow, refused, filtered or not answered."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from serverless_ai_local.models.chat import Down, ModelFault, Refused, Throttled, Unavailable
from serverless_ai_local.plain import is_mapping

SLOW: Final = "slow"
FILTER: Final = "filter"
_RAISED: Final[Mapping[str, ModelFault]] = {
    "throttle": Throttled("Too many requests, please wait before trying again."),
    "unavailable": Unavailable("The service is temporarily unavailable."),
    "refuse": Refused("The request was refused by a fault script."),
    "down": Down("nothing answers"),
}
KINDS: Final = (*_RAISED, SLOW, FILTER)
_FIELDS: Final = ("kind", "times", "seconds")


class FaultError(ValueError):
    """A fault that cannot be; the text names the field and what is allowed."""


@dataclass(slots=True)
class _Fault:
    kind: str
    times: int
    seconds: float


class Faults:
    """A script: faults are used up one a call, in the order in which they were added."""

    def __init__(self) -> None:
        self._script: list[_Fault] = []
        self._lock = threading.Lock()
        self._cleared = threading.Event()

    def add(self, wish: object) -> None:
        """Append `{"kind": ..., "times": n, "seconds": s}`. Raises `FaultError`."""
        if not is_mapping(wish) or any(name not in _FIELDS for name in wish):
            raise FaultError(f"a fault is an object of {', '.join(_FIELDS)}, got {wish!r}")
        kind, times, seconds = wish.get("kind"), wish.get("times", 1), wish.get("seconds", 0)
        if kind not in KINDS:
            raise FaultError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        if isinstance(times, bool) or not isinstance(times, int) or times < 1:
            raise FaultError(f"times must be a whole number from 1 on, got {times!r}")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= 900:
            raise FaultError(f"seconds must be 0..900, got {seconds!r}")
        with self._lock:
            self._script.append(_Fault(kind, times, float(seconds)))

    def clear(self) -> None:
        """Forget the script; calls that are being slow are answered now."""
        with self._lock:
            self._script.clear()
            self._cleared.set()
            self._cleared = threading.Event()

    def listed(self) -> list[dict[str, Any]]:
        """What is left of the script."""
        with self._lock:
            return [{"kind": one.kind, "times": one.times, "seconds": one.seconds} for one in self._script]

    def strike(self) -> str:
        """Use up one fault: raise it, or wait if it is `slow`. Returns its kind, empty when there is none."""
        with self._lock:
            if not self._script:
                return ""
            fault, cleared = self._script[0], self._cleared
            fault.times -= 1
            if fault.times == 0:
                self._script.pop(0)
        if fault.kind in _RAISED:
            original = _RAISED[fault.kind]
            raise type(original)(str(original))
        if fault.kind == SLOW:
            cleared.wait(fault.seconds)
        return fault.kind
