"""The patterns on Azure: the stack's configuration says which one, and how it is set."""

import pulumi

from serverless_ai_patterns.catalogue import find
from serverless_ai_patterns.settings import from_mapping
from serverless_ai_pulumi.azure import FunctionLlm, Gateway
from serverless_ai_pulumi.azure.outputs import outputs

COMPONENTS = {"function_llm": FunctionLlm}

config = pulumi.Config()
pattern = find(config.require("pattern"))
settings = from_mapping(pattern.settings, config.get_object("settings") or {})
made = COMPONENTS[pattern.slug](
    pattern.slug.replace("_", "-"),
    settings,
    entra_client_id=config.get("entra_client_id"),
    entra_tenant_id=config.get("entra_tenant_id"),
    gateway=Gateway.given(config.get_object("gateway")),
)
for name, value in outputs(made).items():
    pulumi.export(name, value)
