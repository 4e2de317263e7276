"""The real front doors, driven: the CDK CLI and Pulumi programs against a running local cloud."""

from serverless_ai_local.targets.base import Deployed, DeployError, Progress, ProgressEvent

__all__ = ["DeployError", "Deployed", "Progress", "ProgressEvent"]
