"""The patterns as Pulumi components for Azure: `from serverless_ai_pulumi.azure import FunctionLlm`."""

try:
    import pulumi_azure_native as _pulumi_azure_native
except ImportError as error:
    raise ImportError(
        'serverless_ai_pulumi.azure needs the Pulumi SDK: pip install "serverless-ai-patterns[pulumi-azure]"'
    ) from error

from serverless_ai_pulumi.azure._gateway import Gateway
from serverless_ai_pulumi.azure._store import StateContainer
from serverless_ai_pulumi.azure.event_pipeline import EventPipeline
from serverless_ai_pulumi.azure.function_llm import FunctionLlm
from serverless_ai_pulumi.azure.rag import Rag

del _pulumi_azure_native

__all__ = ["EventPipeline", "FunctionLlm", "Gateway", "Rag", "StateContainer"]
