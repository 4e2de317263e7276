"""The patterns as Pulumi components for Google Cloud: `from serverless_ai_pulumi.gcp import FunctionLlm`."""

try:
    import pulumi_gcp as _pulumi_gcp
except ImportError as error:
    raise ImportError(
        'serverless_ai_pulumi.gcp needs the Pulumi SDK: pip install "serverless-ai-patterns[pulumi-gcp]"'
    ) from error

from serverless_ai_pulumi.gcp._function import VpcPlacement
from serverless_ai_pulumi.gcp.event_pipeline import EventPipeline
from serverless_ai_pulumi.gcp.function_llm import FunctionLlm
from serverless_ai_pulumi.gcp.rag import Rag

del _pulumi_gcp

__all__ = ["EventPipeline", "FunctionLlm", "Rag", "VpcPlacement"]
