"""API Gateway: what its OpenAPI document says is what happens."""
