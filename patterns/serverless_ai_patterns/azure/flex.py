"""What Flex Consumption lets a function have, and a workspace keep of its logs."""

from __future__ import annotations

from typing import Final

from serverless_ai_patterns.function_settings import FunctionSettings, WorkerSettings

MEMORY_MB: Final = (2048, 4096)
"""Sizes that Flex Consumption has everywhere; 512 is refused in places (azure-rest-api-specs issue 40898)."""
INSTANCES: Final = (40, 1000)
"""Smallest and largest maximum of instances that every region takes (azure-docs pull request 128255)."""
PYTHON: Final = "3.12"
RETENTION_DAYS: Final = (30, 730)
"""Least and most days that a Log Analytics workspace keeps what it holds."""


def instance_memory_mb(settings: FunctionSettings | WorkerSettings) -> int:
    """The smallest instance with at least `memory_mb`. Raises ValueError above the largest."""
    for size in MEMORY_MB:
        if settings.memory_mb <= size:
            return size
    raise ValueError(f"function.memory_mb on Azure must be at most {MEMORY_MB[-1]}, got {settings.memory_mb}")


def retention_days(settings: FunctionSettings | WorkerSettings) -> int:
    """Days that logs are kept, at least what a workspace keeps anyway. Raises ValueError above its most."""
    least, most = RETENTION_DAYS
    if settings.log_retention_days > most:
        raise ValueError(
            f"function.log_retention_days on Azure must be at most {most}, got {settings.log_retention_days}"
        )
    return max(least, settings.log_retention_days)
