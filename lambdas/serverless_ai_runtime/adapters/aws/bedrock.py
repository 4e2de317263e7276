"""Bedrock Converse as a `ChatModel`."""

from __future__ import annotations

from typing import Final

ACTIONS: Final = ("bedrock:InvokeModel",)
GUARDRAIL_ACTIONS: Final = ("bedrock:ApplyGuardrail",)
