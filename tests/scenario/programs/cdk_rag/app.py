"""The RAG deployments of the scenario as one CDK stack."""

from __future__ import annotations

import sys
from pathlib import Path

import aws_cdk as cdk

from serverless_ai_cdk import Rag
from serverless_ai_cdk.outputs import rag_outputs

sys.path.insert(0, str(Path(__file__).parents[1]))
from rag_variants import rag_variants

app = cdk.App(analytics_reporting=False)
stack = cdk.Stack(app, "Rags", env=cdk.Environment(account="123456789012", region="us-east-1"))
variants = rag_variants("aws", app.node.get_context("issuer"), app.node.try_get_context("variants") or "")
for name, settings in variants.items():
    own = "".join(word.capitalize() for word in name.split("_"))
    made = Rag(stack, own, settings, removal_policy=cdk.RemovalPolicy.DESTROY)
    for output, value in rag_outputs(made).items():
        cdk.CfnOutput(stack, f"{own}{output}", value=value)
app.synth()
