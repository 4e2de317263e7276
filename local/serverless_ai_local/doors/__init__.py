"""The two ways in: the CloudFormation calls of the CDK CLI, and Pulumi's engine protocol."""
