"""The patterns as Pulumi components for AWS: `from serverless_ai_pulumi.aws import FunctionLlm`."""

try:
    import pulumi_aws as _pulumi_aws
except ImportError as error:
    raise ImportError(
        'serverless_ai_pulumi.aws needs the Pulumi SDK: pip install "serverless-ai-patterns[pulumi-aws]"'
    ) from error

from serverless_ai_pulumi.aws._function import VpcPlacement
from serverless_ai_pulumi.aws.event_pipeline import EventPipeline
from serverless_ai_pulumi.aws.function_llm import FunctionLlm
from serverless_ai_pulumi.aws.rag import Rag

del _pulumi_aws

__all__ = ["EventPipeline", "FunctionLlm", "Rag", "VpcPlacement"]
