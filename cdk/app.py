"""The CDK app: a stack per pattern, settings from the context key `settings`."""

from aws_cdk import App

from serverless_ai_cdk import FunctionLlmStack, settings_from_context
from serverless_ai_patterns.function_llm import FunctionLlmSettings

app = App()
FunctionLlmStack(app, settings=settings_from_context(app, FunctionLlmSettings))
app.synth()
