"""The patterns as Pulumi components, one package a cloud; importing this imports no SDK."""
