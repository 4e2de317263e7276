"""The event pipelines of the scenario as one Pulumi program."""

from __future__ import annotations

import sys
from pathlib import Path

import pulumi

from serverless_ai_pulumi.aws import EventPipeline
from serverless_ai_pulumi.aws.outputs import outputs

sys.path.insert(0, str(Path(__file__).parents[1]))
from pipeline_variants import SHARED_TOPIC, chosen

made: dict[str, EventPipeline] = {}
for name, settings in chosen(pulumi.Config().get("variants")).items():
    shared = made[SHARED_TOPIC[0]].topic if name in SHARED_TOPIC[1:] else None
    made[name] = EventPipeline(name, settings, topic=shared, force_destroy=True)
    for output, value in outputs(made[name]).items():
        pulumi.export(f"{name}_{output}", value)
