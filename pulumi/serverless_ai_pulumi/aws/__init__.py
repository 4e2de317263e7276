"""The patterns as Pulumi components for AWS."""
