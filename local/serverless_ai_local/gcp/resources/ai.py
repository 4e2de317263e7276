"""Processors of Document AI."""

from __future__ import annotations

from typing import Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.resources.row import ResourceError, Row, Setting, Values, nested

TYPES: Final = ("OCR_PROCESSOR",)
"""Whose answers the local cloud has."""
LOCATIONS: Final = ("us", "eu")
"""Other locations have processors of some types only (https://cloud.google.com/document-ai/docs/regions)."""


def _check(setting: Setting, inputs: Values) -> None:
    for name, allowed in (("type", TYPES), ("location", LOCATIONS)):
        if inputs[name] not in allowed:
            raise ResourceError(f"{name} must be one of {', '.join(allowed)} here, got {inputs[name]}")


ROWS: Final = (
    Row(
        types.PROCESSOR,
        inputs=nested("displayName", "location", "type"),
        id="projects/{project}/locations/{location}/processors/{uid}",
        outputs=lambda setting, inputs: {"name": setting.uid},
        fixed=None,
        check=_check,
    ),
)
