"""The patterns as Pulumi components for AWS: `from serverless_ai_pulumi.aws import FunctionLlm`."""

try:
    import pulumi_aws  # noqa: F401
except ModuleNotFoundError as missing:
    raise ImportError(
        f'{missing.name} is not installed: pip install "serverless-ai-patterns[pulumi-aws]"'
    ) from missing

from serverless_ai_pulumi.aws._function import VpcPlacement
from serverless_ai_pulumi.aws.function_llm import FunctionLlm

__all__ = ["FunctionLlm", "VpcPlacement"]
