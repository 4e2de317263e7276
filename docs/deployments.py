"""What the docs are made from: a pattern deployed onto a local cloud of its own, on each of its clouds."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from serverless_ai_local import launch
from serverless_ai_local.azure import caller as azure
from serverless_ai_local.gcp import caller as gcp
from serverless_ai_local.graph import Resource
from serverless_ai_local.targets.cdk import Cdk
from serverless_ai_local.targets.pulumi_program import PulumiProgram
from serverless_ai_patterns.catalogue import Pattern

ROOT = Path(__file__).parents[1]
NAMES: Final[Mapping[str, str]] = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud"}
EVERYTHING: Final[Mapping[str, Mapping[str, str]]] = {
    "function_llm": dict.fromkeys(
        NAMES,
        '{"llm": {"guardrail": true}, "events": {"schedule": "rate(1 day)", '
        '"bus_filter": {"source": ["shop"]}, "destination": true}}',
    ),
    "event_pipeline": {
        "aws": '{"processor": {"ocr": {}}, "sources": {"topic": {"kind": ["invoice"]}, '
        '"schedule": "rate(1 day)", "bus_filter": {"source": ["shop"]}}}',
        "azure": '{"processor": {"ocr": {}}, "sources": {"topic": {"kind": ["invoice"]}, "devices": true, '
        '"schedule": "rate(1 day)", "bus_filter": {"source": ["shop"]}}}',
        "gcp": '{"processor": {"ocr": {}}, "sources": {"topic": {"kind": ["invoice"]}, '
        '"audit_log": {"service": "pubsub.googleapis.com", '
        '"method": "google.pubsub.v1.Publisher.CreateTopic"}, '
        '"schedule": "rate(1 day)", "bus_filter": {"source": ["shop"]}}}',
    },
    "rag": dict.fromkeys(NAMES, "{}"),
}
"""Pattern and cloud -> settings with everything switched on, so that the picture shows every part."""
_CONFIG: Final[Mapping[str, Mapping[str, str]]] = {"azure": azure.CONFIG, "gcp": gcp.CONFIG}


def deployed(pattern: Pattern, cloud: str, settings: str = "{}") -> tuple[Resource, ...]:
    """The graph of the pattern after a real `cdk deploy`, or after its Pulumi program ran, by name."""
    with tempfile.TemporaryDirectory() as folder:
        running = launch.start(Path(folder), parent=os.getpid())
        try:
            graph = _by_cdk if cloud == "aws" else _by_pulumi
            return tuple(sorted(graph(running, pattern, cloud, settings), key=lambda one: one.name))
        finally:
            running.stop()


def _by_cdk(
    running: launch.RunningCloud, pattern: Pattern, cloud: str, settings: str
) -> tuple[Resource, ...]:
    cdk = Cdk(cloud=running, app_dir=ROOT / "cdk", context={pattern.slug: settings})
    cdk.bootstrap()
    return cdk.deploy(pattern.class_name).graph


def _by_pulumi(
    running: launch.RunningCloud, pattern: Pattern, cloud: str, settings: str
) -> tuple[Resource, ...]:
    program = PulumiProgram(
        cloud=running,
        program_dir=ROOT / "pulumi/stacks" / cloud,
        stack=pattern.slug.replace("_", "-"),
        config={**_CONFIG[cloud], "settings": settings},
    )
    return program.deploy().graph
