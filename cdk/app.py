"""The CDK app: a stack per pattern, settings from the context key named as its slug, place from the CLI."""

import os

from aws_cdk import App, Environment

from serverless_ai_cdk import EventPipelineStack, FunctionLlmStack, RagStack, settings_from_context
from serverless_ai_patterns.event_pipeline import EventPipelineSettings
from serverless_ai_patterns.function_llm import FunctionLlmSettings
from serverless_ai_patterns.rag import RagSettings

app = App()
place = Environment(account=os.getenv("CDK_DEFAULT_ACCOUNT"), region=os.getenv("CDK_DEFAULT_REGION"))
FunctionLlmStack(app, settings=settings_from_context(app, FunctionLlmSettings, "function_llm"), env=place)
EventPipelineStack(
    app, settings=settings_from_context(app, EventPipelineSettings, "event_pipeline"), env=place
)
RagStack(app, settings=settings_from_context(app, RagSettings, "rag"), env=place)
app.synth()
