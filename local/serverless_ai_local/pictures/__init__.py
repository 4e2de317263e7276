"""How the resources of each cloud are drawn: looks of types and arrows between them, a module a cloud."""
