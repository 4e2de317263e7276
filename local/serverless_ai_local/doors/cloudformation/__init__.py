"""CloudFormation as the CDK CLI and the SDKs call it: templates, change sets, stacks, events, rollback."""

from serverless_ai_local.doors.cloudformation.api import CloudFormation

__all__ = ["CloudFormation"]
