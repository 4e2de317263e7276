"""The sections of a template, checked: what a stack is told to be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from serverless_ai_local.doors.cloudformation import parameters
from serverless_ai_local.doors.cloudformation.text import TemplateError, read
from serverless_ai_local.plain import is_list, is_mapping

_SECTIONS = frozenset(
    {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions", "Rules",
     "Resources", "Outputs"}
)  # fmt: skip
_RESOURCE_KEYS = frozenset(
    {"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "Metadata"}
)
_OUTPUT_KEYS = frozenset({"Value", "Description", "Export", "Condition"})
_POLICIES = ("Delete", "Retain", "RetainExceptOnCreate")

# Types whose creation CloudFormation wants acknowledged, and the property that names them explicitly.
_IAM_NAMES: Mapping[str, str] = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """One entry of `Resources`, intrinsics unresolved."""

    name: str
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]
    condition: str | None
    deletion_policy: str
    update_replace_policy: str
    metadata: Mapping[str, Any]

    @property
    def place(self) -> str:
        return f"Resources.{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A template whose shape is right; whether its references are is the resolver's question."""

    text: str
    description: str | None
    metadata: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    rules: Mapping[str, Mapping[str, Any]]
    resources: Mapping[str, Declaration]
    outputs: Mapping[str, Mapping[str, Any]]

    @property
    def capabilities(self) -> list[str]:
        """What a caller must acknowledge: making IAM resources, and naming them."""
        iam = [r for r in self.resources.values() if r.type in _IAM_NAMES]
        if not iam:
            return []
        named = any(_IAM_NAMES[r.type] in r.properties for r in iam)
        return ["CAPABILITY_NAMED_IAM"] if named else ["CAPABILITY_IAM"]


def parse(text: str, types: Collection[str]) -> Template:
    """Read and check a template; `types` are the resource types that exist. Raises `TemplateError`."""
    body = read(text)
    if "Transform" in body:
        raise TemplateError(f"Transform {body['Transform']!r} is not supported by the local CloudFormation")
    _known(body, _SECTIONS, "template section")
    if not isinstance(body.get("Description", ""), str):
        raise TemplateError("Template format error: Description must be text")
    sections = {name: _mapping(body.get(name, {}), name) for name in _SECTIONS if name not in _TEXT_SECTIONS}
    if not sections["Resources"]:
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    resources = {name: _declaration(name, entry) for name, entry in sections["Resources"].items()}
    _known_types(resources.values(), types)
    declared = _entries(sections, "Parameters")
    parameters.check(declared)
    return Template(
        text=text,
        description=body.get("Description"),
        metadata=sections["Metadata"],
        parameters=declared,
        mappings=sections["Mappings"],
        conditions=sections["Conditions"],
        rules=_entries(sections, "Rules"),
        resources=resources,
        outputs={name: _output(name, entry) for name, entry in sections["Outputs"].items()},
    )


_TEXT_SECTIONS = frozenset({"AWSTemplateFormatVersion", "Description"})


def _declaration(name: str, entry: Any) -> Declaration:
    place = f"Resources.{name}"
    if not name.isalnum():
        raise TemplateError(f"Template format error: resource name {name!r} is not alphanumeric")
    fields = _mapping(entry, place)
    _known(fields, _RESOURCE_KEYS, f"attribute of {place}")
    if not isinstance(fields.get("Type"), str):
        raise TemplateError(f"Template format error: {place} needs a Type")
    deletion = _policy(fields, "DeletionPolicy", place)
    return Declaration(
        name=name,
        type=fields["Type"],
        properties=_mapping(fields.get("Properties", {}), f"{place}.Properties"),
        depends_on=tuple(_names(fields.get("DependsOn", []), f"{place}.DependsOn")),
        condition=fields.get("Condition"),
        deletion_policy=deletion,
        update_replace_policy=_policy(fields, "UpdateReplacePolicy", place),
        metadata=_mapping(fields.get("Metadata", {}), f"{place}.Metadata"),
    )


def _policy(fields: Mapping[str, Any], key: str, place: str) -> str:
    value = fields.get(key, "Delete")
    if value not in _POLICIES:
        raise TemplateError(
            f"{place}.{key} must be one of {', '.join(_POLICIES)} on the local cloud, got {value!r}"
        )
    return value


def _output(name: str, entry: Any) -> Mapping[str, Any]:
    place = f"Outputs.{name}"
    fields = _mapping(entry, place)
    _known(fields, _OUTPUT_KEYS, f"attribute of {place}")
    if "Value" not in fields:
        raise TemplateError(f"Template format error: {place} needs a Value")
    if "Export" in fields:
        export = _mapping(fields["Export"], f"{place}.Export")
        if list(export) != ["Name"]:
            raise TemplateError(f"Template format error: {place}.Export must hold exactly Name")
    return fields


def _known_types(resources: Iterable[Declaration], types: Collection[str]) -> None:
    unknown = sorted({r.type for r in resources if r.type not in types})
    if unknown:
        raise TemplateError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")


def _known(fields: Mapping[str, Any], known: Collection[str], what: str) -> None:
    unknown = [key for key in fields if key not in known]
    if unknown:
        raise TemplateError(
            f"Template format error: unknown {what}: {', '.join(unknown)}; known: {', '.join(sorted(known))}"
        )


def _entries(sections: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Mapping[str, Any]]:
    return {key: _mapping(value, f"{name}.{key}") for key, value in sections[name].items()}


def _mapping(value: Any, place: str) -> Mapping[str, Any]:
    if not is_mapping(value):
        raise TemplateError(f"Template format error: {place} must be a mapping")
    return value


def _names(value: Any, place: str) -> list[str]:
    names: list[Any] = [value] if isinstance(value, str) else value if is_list(value) else [None]
    if not all(isinstance(name, str) for name in names):
        raise TemplateError(f"Template format error: {place} must be a resource name or a list of them")
    return names
