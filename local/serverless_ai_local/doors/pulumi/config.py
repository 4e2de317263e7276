"""A stack's configuration: its file and what the caller gives, checked against the project's declarations."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serverless_ai_local.doors.pulumi.project import NAME, Project, Spec, kind_of, read_yaml
from serverless_ai_local.doors.pulumi.results import RefusedError
from serverless_ai_local.plain import is_list, is_mapping

WANTED = {
    "string": "a string",
    "integer": "an integer such as 10",
    "boolean": "true or false",
    "array": 'an array such as ["a"]',
    "object": 'an object such as {"a": 1}',
    "any": "a value",
}
STACK_KEYS = ("config", "secretsprovider", "encryptionsalt", "encryptedkey", "environment")


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """Values by full key (`project:key`, `aws:region`), as text; objects and lists are JSON."""

    values: Mapping[str, str]
    secret_keys: frozenset[str]

    def namespace(self, name: str) -> dict[str, str]:
        """The keys of one namespace, without it."""
        prefix = f"{name}:"
        return {key.removeprefix(prefix): text for key, text in self.values.items() if key.startswith(prefix)}


def load(project: Project, stack: str, given: Mapping[str, str], secrets: Mapping[str, str]) -> Config:
    """Defaults, then the stack's file, then `given` and `secrets`. Raises `RefusedError` naming the key."""
    if not NAME.fullmatch(stack):
        raise RefusedError(f"stack name must be 1 to 100 of letters, digits, - _ . and is {stack!r}")
    values: dict[str, str] = {
        spec.key: _text(f"Pulumi.yaml: config {spec.key}", spec, spec.value, secret=spec.secret)
        for spec in project.specs.values()
        if spec.value is not None
    }
    layers: list[tuple[str, Mapping[str, Any]]] = [
        (f"Pulumi.{stack}.yaml: config", _stack_values(project, stack)),
        ("--config", given),
        ("--secret", secrets),
    ]
    for where, layer in layers:
        for key, value in layer.items():
            full = _full_key(project, where, key)
            spec = _declared(project, where, full)
            secret = spec.secret or layer is secrets
            values[full] = _text(f"{where} {key}", spec, value, secret=secret)
    for spec in project.specs.values():
        if spec.key not in values:
            raise RefusedError(
                f"stack {stack!r} is missing configuration value {spec.key!r} ({spec.type}); "
                f"give --config {spec.key.removeprefix(project.name + ':')}=..."
            )
    marked = {spec.key for spec in project.specs.values() if spec.secret}
    marked |= {_full_key(project, "--secret", key) for key in secrets}
    return Config(values=values, secret_keys=frozenset(marked & values.keys()))


def _stack_values(project: Project, stack: str) -> dict[str, Any]:
    file = project.config_folder / f"Pulumi.{stack}.yaml"
    if not file.exists():
        return {}
    content = read_yaml(file)
    unknown = [key for key in content if key not in STACK_KEYS]
    if unknown:
        raise RefusedError(f"{file.name}: unknown {', '.join(unknown)}; allowed: {', '.join(STACK_KEYS)}")
    if content.get("environment"):
        raise RefusedError(f"{file.name}: environment: Pulumi ESC environments cannot be read here")
    config: Any = content.get("config") or {}
    if not is_mapping(config):
        raise RefusedError(f"{file.name}: config must be a mapping of keys, got {config!r}")
    for key, value in config.items():
        if _encrypted(value):
            raise RefusedError(
                f"{file.name}: config {key} is encrypted (`secure`) and cannot be read here; "
                f"give it as a secret instead: --secret {key}=..."
            )
    return config


def _encrypted(value: Any) -> bool:
    if is_mapping(value):
        return set(value) == {"secure"} or any(map(_encrypted, value.values()))
    return is_list(value) and any(map(_encrypted, value))


def _full_key(project: Project, where: str, key: str) -> str:
    parts = key.split(":")
    if len(parts) == 3 and parts[1] == "config":
        parts = [parts[0], parts[2]]
    if len(parts) == 1:
        parts = [project.name, key]
    if len(parts) != 2 or not all(parts):
        raise RefusedError(f"{where} {key}: a key is `name` or `namespace:name`")
    return ":".join(parts)


def _declared(project: Project, where: str, key: str) -> Spec:
    """What the project says about `key`. A project that declares keys of its own allows no others."""
    own = f"{project.name}:"
    declared = [name for name in project.specs if name.startswith(own)]
    if key in project.specs:
        return project.specs[key]
    if key.startswith(own) and declared:
        names = sorted(name.removeprefix(own) for name in declared)
        close = difflib.get_close_matches(key.removeprefix(own), names, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise RefusedError(
            f"{where} {key.removeprefix(own)}: not declared in Pulumi.yaml{hint} Allowed: {', '.join(names)}"
        )
    return Spec(key=key, type="any")


def _text(where: str, spec: Spec, value: Any, *, secret: bool) -> str:
    """A value as Pulumi hands it to a program: text, or JSON for lists and objects."""
    wanted = spec.type
    actual = kind_of(value)
    # YAML has no opinion: 12 is a fine string, "12" a fine integer (as for `pulumi config set`).
    fits = wanted in ("any", actual) or (wanted == "string" and actual in ("integer", "boolean"))
    if isinstance(value, str):
        fits = _reads_as(wanted, value)
    if not fits or value is None:
        shown = "is another secret" if secret else f"is {value!r}"
        raise RefusedError(f"{where}: must be {WANTED[wanted]} and {shown}")
    return json.dumps(value) if actual in ("array", "object", "boolean") else str(value)


def _reads_as(wanted: str, text: str) -> bool:
    if wanted in ("string", "any"):
        return True
    try:
        return kind_of(json.loads(text)) == wanted
    except ValueError:
        return False
