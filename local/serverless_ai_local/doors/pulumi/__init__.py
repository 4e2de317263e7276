"""The engine side of Pulumi's protocol: unmodified Python programs, deployed to the local cloud."""

try:
    from serverless_ai_local.doors.pulumi.deployment import Deployment
except ModuleNotFoundError as error:
    if (error.name or "").split(".")[0] not in ("pulumi", "grpc"):
        raise
    raise ImportError('Pulumi is not installed: pip install "serverless-ai-patterns[pulumi-aws]"') from error

from serverless_ai_local.doors.pulumi.results import ProgramError, Result, Step, StepEvent
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Secret

__all__ = ["UNKNOWN", "Deployment", "ProgramError", "Result", "Secret", "Step", "StepEvent"]
