"""The patterns on Google Cloud: the stack's configuration says which one, and how it is set."""

import pulumi

from serverless_ai_patterns.catalogue import find
from serverless_ai_patterns.settings import from_mapping
from serverless_ai_pulumi.gcp import FunctionLlm
from serverless_ai_pulumi.gcp.outputs import outputs

COMPONENTS = {"function_llm": FunctionLlm}

config = pulumi.Config()
pattern = find(config.require("pattern"))
made = COMPONENTS[pattern.slug](
    pattern.slug.replace("_", "-"),
    from_mapping(pattern.settings, config.get_object("settings") or {}),
    invokers=config.get_object("invokers") or (),
    deletion_protection=config.get_bool("deletionProtection", default=True),
)
for name, value in outputs(made).items():
    pulumi.export(name, value)
