"""The AI service behind a processor: what of it is made, where it is, and the right to ask it."""

from __future__ import annotations

from typing import NamedTuple

import pulumi
import pulumi_gcp as gcp

from serverless_ai_patterns.gcp import ai
from serverless_ai_pulumi.gcp._identity import custom_role, on_project
from serverless_ai_pulumi.gcp._names import unique
from serverless_ai_pulumi.gcp._place import Place


class AiParts(NamedTuple):
    """What there is for a processor; nothing for one that asks no AI service."""

    processor: gcp.essentialcontacts.DocumentAiProcessor | None = None
    endpoint: pulumi.Output[str] | None = None
    """For the function: the processor of Document AI, or where Speech-to-Text is asked."""
    granted: tuple[pulumi.Resource, ...] = ()


def ai_parts(
    name: str,
    processor: str,
    identity: gcp.serviceaccount.Account,
    place: Place,
    *,
    opts: pulumi.ResourceOptions,
) -> AiParts:
    """For the processor that settings call `processor`."""
    permissions = ai.PERMISSIONS.get(processor)
    if permissions is None:
        return AiParts()
    role = custom_role(name, "ai", permissions, opts=opts)
    granted = on_project(f"{name}-function-ai", identity, role.name, project=place.project, opts=opts)
    if processor == "transcribe":
        where = place.region.apply(ai.speech_location)
        endpoint = pulumi.Output.format("projects/{0}/locations/{1}", place.project, where)
        return AiParts(None, endpoint, (granted,))
    if processor != "ocr":
        return AiParts(granted=(granted,))
    made = gcp.essentialcontacts.DocumentAiProcessor(
        f"{name}-ocr",
        display_name=unique(name, "ocr"),
        location=place.region.apply(ai.document_location),
        type=ai.OCR_PROCESSOR,
        opts=opts,
    )
    return AiParts(made, made.id, (granted,))
