"""Event shape in, core, response shape out: one module a cloud."""
