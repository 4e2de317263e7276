"""A port on a service: one folder a cloud, one module a service."""
