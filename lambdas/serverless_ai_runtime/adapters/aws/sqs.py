"""One SQS queue as a `Publisher`."""

from __future__ import annotations

from typing import Final

SEND_ACTIONS: Final = ("sqs:SendMessage",)
