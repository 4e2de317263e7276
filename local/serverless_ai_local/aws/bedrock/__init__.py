"""Amazon Bedrock on the wire: runtime and control plane."""
