"""The patterns on Azure: the stack's configuration says which one, and how it is set."""

import pulumi

from serverless_ai_patterns.catalogue import find
from serverless_ai_patterns.settings import from_mapping
from serverless_ai_pulumi.azure import EventPipeline, FunctionLlm, Gateway, Rag
from serverless_ai_pulumi.azure.outputs import outputs

config = pulumi.Config()
CALLERS = {
    "entra_client_id": config.get("entra_client_id"),
    "entra_tenant_id": config.get("entra_tenant_id"),
}
COMPONENTS = {
    "event_pipeline": (EventPipeline, {}),
    "function_llm": (FunctionLlm, {**CALLERS, "gateway": Gateway.given(config.get_object("gateway"))}),
    "rag": (Rag, CALLERS),
}

pattern = find(config.require("pattern"))
settings = from_mapping(pattern.settings, config.get_object("settings") or {})
component, own = COMPONENTS[pattern.slug]
made = component(pattern.slug.replace("_", "-"), settings, **own)
for name, value in outputs(made).items():
    pulumi.export(name, value)
