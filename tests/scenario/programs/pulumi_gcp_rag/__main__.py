"""The RAG deployments of the scenario as one Pulumi program."""

from __future__ import annotations

import sys
from pathlib import Path

import pulumi

from serverless_ai_pulumi.gcp import Rag
from serverless_ai_pulumi.gcp.outputs import outputs

sys.path.insert(0, str(Path(__file__).parents[1]))
from rag_variants import rag_variants

config = pulumi.Config()
for name, settings in rag_variants("gcp", config.require("issuer"), config.get("variants") or "").items():
    made = Rag(
        name.replace("_", "-"),
        settings,
        invokers=("domain:example.com",),
        force_destroy=True,
        deletion_protection=False,
    )
    for output, value in outputs(made).items():
        pulumi.export(f"{name}_{output}", value)
