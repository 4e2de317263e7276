"""One resource type as data: which inputs have a meaning here, what it is called, what it answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final

from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.plain import is_list, is_mapping

Values = Mapping[str, Any]
Shape = Mapping[str, "Shape | None"]
"""Names that may be given; None: whatever stands there, else the names inside of it."""

DELETE: Final = "DELETE"
PREVENT: Final = "PREVENT"
ABANDON: Final = "ABANDON"
POLICIES: Final = (DELETE, PREVENT, ABANDON)

MEMBER: Final = re.compile(r"(user|serviceAccount|group|domain):\S+|allUsers|allAuthenticatedUsers")


class ResourceError(ValueError):
    """A resource cannot be made or changed so; the text says why, in Google's words where it has some."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Where and among what a resource is made."""

    project: str
    region: str
    url: str
    """Of the local cloud."""
    uid: str
    registry: Registry


Outputs = Callable[[Setting, Values], Values]


def _nothing(setting: Setting, inputs: Values) -> Values:
    return {}


@dataclass(frozen=True, slots=True)
class Row:
    """`{...}` in texts stands for inputs, and for `project`, `region`, `uid` of the deployment."""

    token: str
    _: KW_ONLY
    inputs: Shape
    id: str
    """Pulumi's id."""
    outputs: Outputs = _nothing
    fixed: tuple[str, ...] | None = ()
    """Inputs whose change makes a new one; None: every one."""
    auto: str = ""
    """The input that is made up from the resource's name if it is not given."""
    auto_length: int = 63
    shared: bool = False
    """Whether it may be made again while it is there, as grants and enabled APIs may."""
    check: Callable[[Setting, Values], None] = lambda setting, inputs: None
    """Raises `ResourceError` for what cannot be made among what is deployed."""
    deletion: str = DELETE
    """What the provider does when the program lets go of it, unless `deletion_policy` says otherwise."""
    may_go: Callable[[Registry, Deployed], None] = lambda registry, deployed: None
    """Raises `ResourceError` for what Google does not delete."""
    defaults: Values = field(default_factory=dict[str, Any])
    """What Google's provider answers for inputs that were not given."""

    def unknown(self, inputs: Values) -> str:
        """The path of the first input that has no meaning here; empty if there is none."""
        shape: Shape = {**self.inputs, **dict.fromkeys(COMMON)}
        return next(_unknown(shape, inputs), "")

    def replaces(self, old: Values, new: Values) -> bool:
        """Whether this change needs a new one."""
        names = old.keys() | new.keys() if self.fixed is None else (*self.fixed, "project")
        return any(old.get(name) != new.get(name) for name in names)

    def stays(self, registry: Registry, deployed: Deployed) -> bool:
        """Whether it stays when the program lets go of it; raises `ResourceError` if it may not go."""
        policy = deployed.inputs.get("deletionPolicy", self.deletion)
        if policy == PREVENT:
            raise ResourceError(f"{deployed.id} cannot be destroyed: its deletion_policy is {PREVENT}")
        if policy == DELETE:
            self.may_go(registry, deployed)
        return policy == ABANDON

    def name(self, setting: Setting, inputs: Values) -> str:
        """Pulumi's id of it."""
        values = {"region": setting.region, "uid": setting.uid}
        return self.id.format_map({**values, **inputs, **self.answer(setting, inputs)})

    def answer(self, setting: Setting, inputs: Values) -> dict[str, Any]:
        """Outputs beside the inputs."""
        filled = {key: value for key, value in self.defaults.items() if key not in inputs}
        return {"project": setting.project, **filled, **self.outputs(setting, inputs)}


COMMON: Final = ("project", "labels", "deletionPolicy")
"""Inputs of nearly every type."""


def nested(*names: str) -> Shape:
    """Names that may be given, whatever stands there."""
    return dict.fromkeys(names)


def _unknown(shape: Shape, value: Any) -> Iterator[str]:
    if is_list(value):
        for number, item in enumerate(value):
            for path in _unknown(shape, item):
                yield f"[{number}].{path}"
    elif is_mapping(value):
        for name, item in value.items():
            if name not in shape:
                allowed = ", ".join(sorted(map(python_name, shape)))
                yield f"{python_name(name)} is not supported on the local cloud; supported: {allowed}"
                continue
            inner = shape[name]
            if inner is not None:
                for path in _unknown(inner, item):
                    joint = "" if path.startswith("[") else "."
                    yield f"{python_name(name)}{joint}{path}"


def python_name(wire: str) -> str:
    """`pushConfig` -> `push_config`, as programs write it."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", wire).lower()


def found(setting: Setting, token: str, id: str, what: str) -> Deployed:  # noqa: A002 - Pulumi's word
    """The deployed resource; `ResourceError` saying that there is none."""
    one = setting.registry.find(token, id)
    if one is None:
        raise ResourceError(f"{what} {id} was not found")
    return one


def full(setting: Setting, kind: str, name: str) -> str:
    """`projects/P/{kind}/{name}`, from a short or a full name."""
    return name if name.startswith("projects/") else f"projects/{setting.project}/{kind}/{name}"
