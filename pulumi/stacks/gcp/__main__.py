"""The patterns on Google Cloud: the stack's configuration says which one, and how it is set."""

import pulumi

from serverless_ai_patterns.catalogue import find
from serverless_ai_patterns.settings import from_mapping
from serverless_ai_pulumi.gcp import EventPipeline, FunctionLlm, Rag
from serverless_ai_pulumi.gcp.outputs import outputs

config = pulumi.Config()
CALLERS = {"invokers": config.get_object("invokers") or ()}
COMPONENTS = {
    "event_pipeline": (EventPipeline, {}),
    "function_llm": (FunctionLlm, CALLERS),
    "rag": (Rag, CALLERS),
}

pattern = find(config.require("pattern"))
settings = from_mapping(pattern.settings, config.get_object("settings") or {})
component, own = COMPONENTS[pattern.slug]
protected = config.get_bool("deletionProtection", default=True)
made = component(pattern.slug.replace("_", "-"), settings, deletion_protection=protected, **own)
for name, value in outputs(made).items():
    pulumi.export(name, value)
