"""What becomes of a failure: when the delivery comes again, and what a dead letter says."""

from __future__ import annotations

from typing import Final

from serverless_ai_runtime.core.event_pipeline.ports import Unprocessable
from serverless_ai_runtime.core.ports import ServiceError, World

FIRST_RETRY_S: Final = 4.0
LONGEST_RETRY_S: Final = 600.0


def again_after(attempt: int, error: Exception, world: World) -> float:
    """Seconds until the next attempt: doubling, with jitter, and no sooner than the service asked for."""
    asked = error.retry_after_s if isinstance(error, ServiceError) else 0.0
    longest = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** (attempt - 1))
    return max(asked, longest * (0.5 + world.random() / 2))


def final(error: Exception) -> Unprocessable:
    """The reason on a dead letter."""
    return error if isinstance(error, Unprocessable) else Unprocessable(type(error).__name__, str(error))
