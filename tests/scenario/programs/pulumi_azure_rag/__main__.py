"""The RAG deployments of the scenario as one Pulumi program."""

from __future__ import annotations

import sys
from pathlib import Path

import pulumi

from serverless_ai_pulumi.azure import Rag
from serverless_ai_pulumi.azure.outputs import outputs

sys.path.insert(0, str(Path(__file__).parents[1]))
from rag_variants import rag_variants

CLIENT = "c11e27a9-0000-4000-8000-000000000001"
"""The app registration that callers of `main` get tokens for."""

config = pulumi.Config()
for name, settings in rag_variants("azure", config.require("issuer"), config.get("variants") or "").items():
    made = Rag(name.replace("_", "-"), settings, entra_client_id=CLIENT, force_destroy=True)
    for output, value in outputs(made).items():
        pulumi.export(f"{name}_{output}", value)
