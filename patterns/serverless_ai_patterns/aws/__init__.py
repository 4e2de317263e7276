"""AWS facts that the CDK construct and the Pulumi component share: statements, alarms, prices. No SDK."""
