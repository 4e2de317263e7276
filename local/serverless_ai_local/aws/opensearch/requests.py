"""What requests of the control plane share: names, what is asked for, tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from serverless_ai_local.aws.api import ApiError
from serverless_ai_local.aws.opensearch.policies import invalid

STANDBY: Final = ("ENABLED", "DISABLED")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{2,31}")


def check_name(name: Any) -> str:
    """Of a policy, a group or a collection."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(
            f"Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular "
            "expression pattern: [a-z][a-z0-9-]+ and have length of 3 to 32"
        )
    return name


def asked_for(given: Mapping[str, Any], there: Iterable[Any]) -> tuple[list[Any], list[dict[str, Any]]]:
    """Those with the ids or names of a request, and what is said of those that are not there."""
    if bool(given.get("ids")) == bool(given.get("names")):
        raise invalid("You must specify either ids or names")
    by = "id" if given.get("ids") else "name"
    known = {getattr(one, by): one for one in there}
    wanted = given.get("ids") or given["names"]
    unknown = [
        {by: one, "errorCode": "NOT_FOUND", "errorMessage": f"The specified {by} is not found"}
        for one in wanted
        if one not in known
    ]
    return [known[one] for one in wanted if one in known], unknown


def missing(text: str) -> ApiError:
    """What a request about nothing is refused with."""
    return ApiError("ResourceNotFoundException", text, 404)


def tags_by_key(tags: list[Mapping[str, str]]) -> dict[str, str]:
    """Tags as one mapping."""
    return {tag["key"]: tag["value"] for tag in tags}
