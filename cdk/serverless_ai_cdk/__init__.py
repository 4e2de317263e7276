"""The patterns as AWS CDK constructs: `from serverless_ai_cdk import FunctionLlm`."""

try:
    import aws_cdk as _aws_cdk
except ImportError as error:
    raise ImportError(
        'serverless_ai_cdk needs the AWS CDK: pip install "serverless-ai-patterns[cdk]"'
    ) from error

from serverless_ai_cdk.event_pipeline import EventPipeline
from serverless_ai_cdk.function_llm import FunctionLlm
from serverless_ai_cdk.rag import Rag
from serverless_ai_cdk.stack import EventPipelineStack, FunctionLlmStack, RagStack, settings_from_context

del _aws_cdk

__all__ = [
    "EventPipeline",
    "EventPipelineStack",
    "FunctionLlm",
    "FunctionLlmStack",
    "Rag",
    "RagStack",
    "settings_from_context",
]
