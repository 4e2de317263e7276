"""A schedule in EventBridge's words -> the NCRONTAB expression of a timer trigger."""

from __future__ import annotations

from serverless_ai_patterns.unix_cron import unix_cron


def ncrontab(expression: str) -> str:
    """`rate(...)` or `cron(...)` as NCRONTAB in UTC: unix cron after a field for the second.

    Raises ValueError for what a timer trigger cannot do, such as `at(...)`. Source of the syntax, read
    2026-11: https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
    """
    return f"0 {unix_cron(expression, cloud='Azure')}"
