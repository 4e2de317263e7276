"""Being told to stop is being interrupted, however it is told, so that what was begun is cleaned up."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""From `kill` and supervisors, and from a terminal that is closed."""


@contextmanager
def interruptible() -> Generator[None]:
    """Raise `KeyboardInterrupt` on these signals too. Only in the main thread."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
