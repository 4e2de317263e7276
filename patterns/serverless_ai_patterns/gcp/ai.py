"""Google's AI services behind a pipeline's processor: where they are, what must be enabled and allowed."""

from __future__ import annotations

from typing import Final

from serverless_ai_runtime.adapters.gcp.ai import APIS, PERMISSIONS

OCR_PROCESSOR: Final = "OCR_PROCESSOR"
"""Type of the processor of Document AI."""
_EUROPE: Final = "europe-"
_AMERICA: Final = ("us-", "northamerica-", "southamerica-")


def document_location(region: str) -> str:
    """Where Document AI reads what is in `region`: it has all its processors in `us` and `eu` only.

    Source: https://cloud.google.com/document-ai/docs/regions, read 2026-11.
    """
    return "eu" if region.startswith(_EUROPE) else "us"


def speech_location(region: str) -> str:
    """Where Speech-to-Text hears what is in `region`.

    Source: https://cloud.google.com/speech-to-text/v2/docs/speech-to-text-supported-languages, read 2026-11.
    """
    if region.startswith(_EUROPE):
        return "eu"
    return "us" if region.startswith(_AMERICA) else "global"


__all__ = ["APIS", "OCR_PROCESSOR", "PERMISSIONS", "document_location", "speech_location"]
