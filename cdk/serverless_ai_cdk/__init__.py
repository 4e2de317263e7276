"""The patterns as AWS CDK constructs."""
