"""Pulumi.yaml: a project's name, its program, and the configuration it declares."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from serverless_ai_local.doors.pulumi.results import RefusedError
from serverless_ai_local.plain import is_mapping

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
TYPES = ("string", "integer", "boolean", "array", "object")
SPEC_KEYS = ("type", "items", "description", "secret", "default", "value")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """One entry of the project's `config`."""

    key: str
    """With its namespace, e.g. `shop:limit`."""
    type: str = "string"
    secret: bool = False
    value: Any = None
    """Default or fixed value; None: the stack must set it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """What a Pulumi.yaml says."""

    name: str
    folder: Path
    program: Path
    """The file to run; its folder is the program's working directory."""
    config_folder: Path
    specs: Mapping[str, Spec] = field(default_factory=dict[str, Spec])
    requires: str = ""
    """Range of Pulumi versions that it asks for."""


class _Loader(yaml.SafeLoader):
    """YAML as Pulumi reads it: a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# A date is text to a program, as in Pulumi.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(file: Path) -> dict[str, Any]:
    """A file's mapping; empty if the file is. Raises `RefusedError` with file and line."""
    try:
        content: Any = yaml.load(file.read_text(), _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RefusedError(f"{file.name}:{line}: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RefusedError(f"{file.name}: {error}") from error
    if content is None:
        return {}
    if not is_mapping(content):
        raise RefusedError(f"{file.name}: must be a mapping, got {type(content).__name__}")
    return content


def load(folder: Path) -> Project:
    """The project in `folder`. Raises `RefusedError` naming what is missing or not supported."""
    folder = folder.resolve()
    file = next((folder / name for name in ("Pulumi.yaml", "Pulumi.yml") if (folder / name).exists()), None)
    if file is None:
        raise RefusedError(f"{folder}: no Pulumi.yaml here; give the folder of a Pulumi program")
    content = read_yaml(file)
    name = content.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise RefusedError(f"{file.name}: name must be 1 to 100 of letters, digits, - _ . and is {name!r}")
    _check_runtime(file, content.get("runtime"))
    config: Any = content.get("config") or {}
    # Long ago `config` was the folder of the stack files.
    config_folder = content.get("stackConfigDir") or (config if isinstance(config, str) else ".")
    return Project(
        name=name,
        folder=folder,
        program=_program(folder, content.get("main") or "."),
        config_folder=folder / config_folder,
        specs=_specs(file, name, {} if isinstance(config, str) else config),
        requires=str(content.get("requiredPulumiVersion") or ""),
    )


def _check_runtime(file: Path, runtime: Any) -> None:
    language = runtime.get("name") if is_mapping(runtime) else runtime
    if language != "python":
        raise RefusedError(f"{file.name}: runtime must be python here and is {language!r}")


def _program(folder: Path, main: str) -> Path:
    path = (folder / main).resolve()
    program = path / "__main__.py" if path.is_dir() else path
    if not program.is_file():
        raise RefusedError(f"{program}: the program does not exist (main: {main} in Pulumi.yaml)")
    return program


def _specs(file: Path, project: str, config: Any) -> dict[str, Spec]:
    if not is_mapping(config):
        raise RefusedError(f"{file.name}: config must be a mapping of keys, got {config!r}")
    found = [_spec(file, project, str(key), entry) for key, entry in config.items()]
    return {spec.key: spec for spec in found}


def _spec(file: Path, project: str, key: str, entry: Any) -> Spec:
    where = f"{file.name}: config {key}"
    own = ":" not in key or key.startswith(f"{project}:")
    full = key if ":" in key else f"{project}:{key}"
    if not is_mapping(entry):
        return Spec(key=full, type=kind_of(entry), value=entry)
    unknown = [name for name in entry if name not in SPEC_KEYS]
    if unknown:
        raise RefusedError(f"{where}: unknown {', '.join(unknown)}; allowed: {', '.join(SPEC_KEYS)}")
    if not own and ({"type", "default"} & entry.keys()):
        raise RefusedError(f"{where}: a key of another namespace takes `value`, not `type` or `default`")
    if "default" in entry and "value" in entry:
        raise RefusedError(f"{where}: give `default` or `value`, not both")
    value = entry.get("value", entry.get("default"))
    kind = entry.get("type", kind_of(value))
    if kind not in TYPES:
        raise RefusedError(f"{where}: type must be one of {', '.join(TYPES)} and is {kind!r}")
    return Spec(key=full, type=kind, secret=bool(entry.get("secret")), value=value)


def kind_of(value: Any) -> str:
    """A YAML or JSON value's type in the words of Pulumi.yaml; `number` for what has no word there."""
    for kind, name in ((bool, "boolean"), (int, "integer"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "string" if isinstance(value, str) or value is None else "number"
