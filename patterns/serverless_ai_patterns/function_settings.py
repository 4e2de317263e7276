"""Settings of the function itself, shared by every pattern that has one."""

from __future__ import annotations

from dataclasses import dataclass

from serverless_ai_patterns.validation import in_range, require, typed

# Days that CloudWatch Logs takes; the other clouds take any of them. Source: PutRetentionPolicy API, 2026-11.
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionSettings:
    """Size and limits of the function.

    `timeout_s` is capped at 29 because an HTTP API answers 503 at 30 s whatever the function does.
    """

    memory_mb: int = 512
    """Lambda gives CPU in proportion to it."""
    timeout_s: int = 29
    """3 to 29: an HTTP API gives up at 30 s."""
    max_concurrency: int | None = None
    """Most copies at the same time (Lambda: reserved concurrency). None: the account's limit."""
    log_retention_days: int = 30
    """One of the values that CloudWatch Logs takes."""
    log_content: bool = False
    """Write prompts and answers to the log."""

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "memory_mb", 128, 10240)
        in_range(self, "timeout_s", 3, 29)
        if self.max_concurrency is not None:
            in_range(self, "max_concurrency", 1, 1000)
        require(
            self,
            "log_retention_days",
            f"one of {LOG_RETENTION_DAYS}",
            when=self.log_retention_days in LOG_RETENTION_DAYS,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerSettings:
    """Size and limits of a function that works on messages of a queue: nobody waits for its answer."""

    memory_mb: int = 1024
    """Lambda gives CPU in proportion to it; documents are held in memory."""
    timeout_s: int = 120
    """3 to 540: push subscriptions of Google Cloud give up at 600 s."""
    max_concurrency: int = 10
    """Most copies that work at the same time, 2 to 1000."""
    max_attempts: int = 5
    """Deliveries of a message before it is a dead letter, 5 to 20: Pub/Sub takes no fewer."""
    max_mb: int = 100
    """Of an object that the function itself reads, 1 to 500; AI services take larger ones."""
    log_retention_days: int = 30
    """One of the values that CloudWatch Logs takes."""
    log_content: bool = False
    """Write prompts and answers to the log."""

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "memory_mb", 128, 10240)
        in_range(self, "timeout_s", 3, 540)
        in_range(self, "max_concurrency", 2, 1000)
        in_range(self, "max_attempts", 5, 20)
        in_range(self, "max_mb", 1, 500)
        require(
            self,
            "log_retention_days",
            f"one of {LOG_RETENTION_DAYS}",
            when=self.log_retention_days in LOG_RETENTION_DAYS,
        )
