"""The event pipelines of the scenario as one CDK stack."""

from __future__ import annotations

import sys
from pathlib import Path

import aws_cdk as cdk

from serverless_ai_cdk import EventPipeline
from serverless_ai_cdk.outputs import event_pipeline_outputs

sys.path.insert(0, str(Path(__file__).parents[1]))
from pipeline_variants import SHARED_TOPIC, chosen

app = cdk.App(analytics_reporting=False)
stack = cdk.Stack(app, "Pipelines", env=cdk.Environment(account="123456789012", region="us-east-1"))
made: dict[str, EventPipeline] = {}
for name, settings in chosen(app.node.try_get_context("variants")).items():
    shared = made[SHARED_TOPIC[0]].topic if name in SHARED_TOPIC[1:] else None
    made[name] = EventPipeline(stack, name.capitalize(), settings, topic=shared)
    for output, value in event_pipeline_outputs(made[name]).items():
        cdk.CfnOutput(stack, f"{name.capitalize()}{output}", value=value)
app.synth()
