"""The scenario's variants as one Pulumi program; `jwt` has API Management in front.

Configuration: `issuer`, and `memory_main` for a change.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pulumi

from serverless_ai_pulumi.azure import FunctionLlm, Gateway
from serverless_ai_pulumi.azure.outputs import outputs

sys.path.insert(0, str(Path(__file__).parents[1]))
from variants import variants

CLIENT = "c11e27a9-0000-4000-8000-000000000001"
"""The app registration that callers get tokens for."""
GATEWAY = Gateway(publisher_email="ops@example.com", publisher_name="Ops")

config = pulumi.Config()
settings = variants(config.require("issuer"))
main = settings["main"]
memory = config.require_int("memory_main")
settings["main"] = replace(main, function=replace(main.function, memory_mb=memory))
for name, setting in settings.items():
    pattern = FunctionLlm(name, setting, entra_client_id=CLIENT, gateway=GATEWAY if name == "jwt" else None)
    for output, value in outputs(pattern).items():
        pulumi.export(f"{name}_{output}", value)
    pulumi.export(f"{name}_function_url", pattern.function.default_host_name)
    if pattern.subscription is not None:
        pulumi.export(f"{name}_subscription_id", pattern.subscription.id)
    if pattern.topic is not None:
        pulumi.export(f"{name}_topic_id", pattern.topic.id)
