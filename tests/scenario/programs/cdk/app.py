"""The scenario's variants as one CDK stack. Context: `issuer`, and `change` for the second deployment."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import aws_cdk as cdk

from serverless_ai_cdk import FunctionLlm
from serverless_ai_cdk.outputs import outputs

sys.path.insert(0, str(Path(__file__).parents[1]))
from variants import variants

app = cdk.App(analytics_reporting=False)
stack = cdk.Stack(app, "Scenario", env=cdk.Environment(account="123456789012", region="us-east-1"))
for name, settings in variants(app.node.get_context("issuer")).items():
    memory = app.node.try_get_context(f"memory_{name}")
    if memory:
        settings = replace(settings, function=replace(settings.function, memory_mb=int(memory)))  # noqa: PLW2901
    pattern = FunctionLlm(stack, name.capitalize(), settings)
    for output, value in outputs(pattern).items():
        cdk.CfnOutput(stack, f"{name.capitalize()}{output}", value=value)
app.synth()
