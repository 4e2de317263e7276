"""CloudFormation as the CDK CLI and the SDKs call it: templates, change sets, stacks, events, rollback."""
