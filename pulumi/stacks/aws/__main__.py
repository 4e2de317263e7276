"""The patterns on AWS: the stack's configuration says which one, and how it is set."""

import pulumi

from serverless_ai_patterns.catalogue import find
from serverless_ai_patterns.settings import from_mapping
from serverless_ai_pulumi.aws import EventPipeline, FunctionLlm, Rag
from serverless_ai_pulumi.aws.outputs import outputs

COMPONENTS = {"event_pipeline": EventPipeline, "function_llm": FunctionLlm, "rag": Rag}

config = pulumi.Config()
pattern = find(config.require("pattern"))
settings = from_mapping(pattern.settings, config.get_object("settings") or {})
made = COMPONENTS[pattern.slug](pattern.slug.replace("_", "-"), settings)
for name, value in outputs(made).items():
    pulumi.export(name, value)
