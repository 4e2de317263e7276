"""The scenario's variants as one Pulumi program. Configuration: `issuer`, and `memory_main` for a change."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pulumi

from serverless_ai_pulumi.gcp import FunctionLlm
from serverless_ai_pulumi.gcp.outputs import outputs

sys.path.insert(0, str(Path(__file__).parents[1]))
from variants import variants

config = pulumi.Config()
settings = variants(config.require("issuer"))
main = settings["main"]
memory = config.require_int("memory_main")
settings["main"] = replace(main, function=replace(main.function, memory_mb=memory))
for name, setting in settings.items():
    pattern = FunctionLlm(name, setting, invokers=("domain:example.com",), deletion_protection=False)
    for output, value in outputs(pattern).items():
        pulumi.export(f"{name}_{output}", value)
