"""The cloud on this machine: what `cdk deploy` and Pulumi programs talk to when there is no account."""
