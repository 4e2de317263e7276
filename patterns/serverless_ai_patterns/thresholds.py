"""When an operator is called, the same on every cloud."""

from __future__ import annotations

from typing import Final

DURATION_SHARE: Final = 0.8
"""The p95 alarm rings at this share of the timeout: early enough to act before calls are cut off."""

TOKENS_PER_HOUR_WITHOUT_BUDGET: Final = 1_000_000
BUDGET_SHARE_PER_HOUR: Final = 0.25
"""The token alarm rings when this share of a day's budget went in one hour."""


def alarm_tokens_per_hour(total_tokens_per_day: int) -> int:
    """Threshold of the token alarm for a daily budget (0 = no budget)."""
    if not total_tokens_per_day:
        return TOKENS_PER_HOUR_WITHOUT_BUDGET
    return max(1, int(total_tokens_per_day * BUDGET_SHARE_PER_HOUR))
