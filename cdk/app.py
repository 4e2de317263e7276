"""The CDK app: a stack per pattern, settings from the context key `settings`, place from the CLI."""

import os

from aws_cdk import App, Environment

from serverless_ai_cdk import FunctionLlmStack, settings_from_context
from serverless_ai_patterns.function_llm import FunctionLlmSettings

app = App()
place = Environment(account=os.getenv("CDK_DEFAULT_ACCOUNT"), region=os.getenv("CDK_DEFAULT_REGION"))
FunctionLlmStack(app, settings=settings_from_context(app, FunctionLlmSettings), env=place)
app.synth()
