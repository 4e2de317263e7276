"""Tags: a resource's own, on top of those of its stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from serverless_ai_local.aws.provider import Context, ResourceError
from serverless_ai_local.aws.resources.calls import call, input_shape
from serverless_ai_local.plain import is_list, is_mapping

TAGS: Final = "Tags"
_RESERVED: Final = "aws:"


def own_tags(properties: Mapping[str, Any], place: str) -> dict[str, str]:
    """The `Tags` property, a list of Key and Value or an object, as one mapping. Raises `ResourceError`."""
    tags: Any = properties.get(TAGS, {})
    if is_mapping(tags):
        return {key: str(value) for key, value in tags.items()}
    pairs: dict[str, str] = {}
    for tag in tags if is_list(tags) else [tags]:
        if not is_mapping(tag) or tag.keys() ^ {"Key", "Value"}:
            raise ResourceError(f"{place}.Tags must be a list of Key and Value, got {tag!r}")
        if tag["Key"] in pairs:
            raise ResourceError(f"{place}.Tags has the key {tag['Key']!r} twice")
        pairs[tag["Key"]] = str(tag["Value"])
    return pairs


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """The form that most APIs take."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@dataclass(frozen=True, kw_only=True, slots=True)
class Tagging:
    """How a service tags: two operations, both taking the thing first."""

    target: str
    """Format of the ARN or name to tag: `{id}` or `{made[Arn]}`."""
    tag: str = "TagResource"
    untag: str = "UntagResource"
    by: str | None = None
    """The parameter that takes the target, where it is not the first required one."""
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further parameters of both operations."""
    system: bool = True
    """Whether the local service takes `aws:` tags; a cloud's CloudFormation sets them by a way of its own."""

    def wanted(
        self, stack_tags: Mapping[str, str], properties: Mapping[str, Any], place: str
    ) -> dict[str, str]:
        """Every tag that a resource is to have."""
        own = own_tags(properties, place)
        if any(key.lower().startswith(_RESERVED) for key in own):
            raise ResourceError(
                f"{place}.Tags: aws: prefixed tag key names are not allowed for external use."
            )
        return {
            key: value
            for key, value in {**stack_tags, **own}.items()
            if self.system or not key.startswith(_RESERVED)
        }

    def change(
        self, context: Context, service: str, target: str, old: Mapping[str, str], new: Mapping[str, str]
    ) -> None:
        """Make the tags of `target` what they are to be."""
        gone = sorted(old.keys() - new.keys())
        if gone:
            shape = input_shape(context, service, self.untag)
            keys = next(name for name in shape.members if name.lower() == "tagkeys")
            call(context, service, self.untag, {**self._about(shape, target), keys: gone})
        changed = {key: value for key, value in new.items() if old.get(key) != value}
        if changed:
            shape = input_shape(context, service, self.tag)
            name = next(name for name in shape.members if name.lower() == "tags")
            tags = {name: _tags(shape.members[name], changed)}
            call(context, service, self.tag, {**self._about(shape, target), **tags})

    def _about(self, shape: Any, target: str) -> dict[str, Any]:
        name = self.by or str(shape.required_members[0])
        several = shape.members[name].type_name == "list"
        return {**self.about, name: [target] if several else target}


def _tags(shape: Any, tags: Mapping[str, str]) -> Any:
    if shape.type_name == "map":
        return dict(tags)
    names = list(shape.member.members)
    key = next(name for name in names if name.lower() in {"key", "tagkey"})
    value = next(name for name in names if name.lower() in {"value", "tagvalue"})
    return [{key: k, value: v} for k, v in tags.items()]
