"""The cores: one pure module a pattern. They import the standard library and `ports` only."""
