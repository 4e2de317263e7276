"""Google Cloud for Pulumi programs: each resource type by its row, made by the local cloud's admin API."""

from __future__ import annotations

import base64
import difflib
import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, Final
from urllib.parse import urlsplit

from serverless_ai_local import graph
from serverless_ai_local.doors.pulumi.assets import Archive, Asset
from serverless_ai_local.doors.pulumi.clouds import CloudError, Consequence, Kind, Live, Placed, Target
from serverless_ai_local.doors.pulumi.values import UNKNOWN, Values
from serverless_ai_local.gcp import project
from serverless_ai_local.gcp.resources import ROWS
from serverless_ai_local.gcp.resources.row import Row
from serverless_ai_local.plain import is_list, is_mapping

TIMEOUT_S: Final = 30.0
RANDOM_DIGITS: Final = 7
MEANT: Final = ("project", "region", "zone")
HARMLESS: Final = (
    "accessToken",
    "billingProject",
    "credentials",
    "impersonateServiceAccount",
    "userProjectOverride",
)
"""Who asks has no bearing on the local cloud."""
_PLACE: Final = ("project", "region")


def _client_config(target: Target, arguments: Values) -> Values:
    settings = target.settings
    return {
        "id": "local",
        "project": settings["project"],
        "region": settings["region"],
        "zone": settings["zone"],
        "accessToken": "owner",
        "defaultLabels": {},
    }


def _project(target: Target, arguments: Values) -> Values:
    name = arguments.get("projectId") or target.settings["project"]
    return {"id": f"projects/{name}", "projectId": name, "number": project.NUMBER, "name": name, "labels": {}}


def _storage_account(target: Target, arguments: Values) -> Values:
    email = project.agent("storage.googleapis.com")
    name = arguments.get("project") or target.settings["project"]
    return {"id": email, "emailAddress": email, "member": f"serviceAccount:{email}", "project": name}


INVOKES: Final[Mapping[str, Callable[[Target, Values], Values]]] = {
    "gcp:organizations/getClientConfig:getClientConfig": _client_config,
    "gcp:organizations/getProject:getProject": _project,
    "gcp:storage/getProjectServiceAccount:getProjectServiceAccount": _storage_account,
}


class GcpCloud:
    """What answers for `gcp:`."""

    def settings(self, config: Values) -> Values:
        """Project, region and zone; `CloudError` naming a key that has no meaning here."""
        values = {key: value for key, value in config.items() if value is not UNKNOWN}
        unknown = sorted(values.keys() - {*MEANT, *HARMLESS})
        if unknown:
            allowed = ", ".join((*MEANT, *HARMLESS))
            raise CloudError(f"gcp:{unknown[0]} is not supported on the local cloud; allowed: {allowed}")
        region = str(values.get("region") or project.REGION)
        name = str(values.get("project") or project.PROJECT)
        return {"project": name, "region": region, "zone": str(values.get("zone") or f"{region}-a")}

    def consequence(self, token: str, old: Values, new: Values) -> Consequence:
        """Nothing can be moved to another project or region."""
        return "none" if old == new else "replace"

    def kind(self, token: str) -> Kind:
        """`CloudError` naming a type that is not in the table."""
        if token not in ROWS:
            service = token.split("/", maxsplit=1)[0]
            near = [one for one in ROWS if one.startswith(f"{service}/")]
            close = difflib.get_close_matches(token, ROWS, 3)
            hint = ", ".join(sorted({*near, *close})) or "none like it"
            raise CloudError(f"resource type {token} is not on the local cloud; there are: {hint}")
        return RowKind(ROWS[token])

    def invoke(self, target: Target, token: str, arguments: Values) -> Values:
        """`CloudError` naming a function that is not in the table."""
        if token not in INVOKES:
            raise CloudError(
                f"function {token} is not on the local cloud; there are: {', '.join(sorted(INVOKES))}"
            )
        return INVOKES[token](target, arguments)

    def graph(self, resources: Sequence[Placed]) -> list[graph.Resource]:
        """In Pulumi's own words: prices and pictures know them."""
        return [
            graph.Resource(
                name=one.name,
                type=one.token,
                properties=_without_files(one.inputs),
                physical_id=one.live.id,
                depends_on=one.depends_on,
            )
            for one in resources
        ]


@dataclass(frozen=True, slots=True)
class RowKind:
    """A `Kind` out of a row."""

    row: Row

    def defaults(self, name: str, inputs: Values, random: Callable[[int], str]) -> Mapping[str, Any]:
        """The generated name, if there is to be one and none was given."""
        if not self.row.auto or self.row.auto in inputs:
            return {}
        end = f"-{random(RANDOM_DIGITS)}"
        return {self.row.auto: name[: self.row.auto_length - len(end)] + end}

    def check(self, inputs: Values) -> None:
        unknown = self.row.unknown(inputs)
        if unknown:
            raise CloudError(unknown)

    def replaces(self, old: Values, new: Values) -> bool:
        return self.row.replaces(old, new)

    def collides(self, old: Values, new: Values) -> bool:
        """With a name that stays, the old one must go first. Grants are made before the old ones go."""
        named = [name for _, name, _, _ in Formatter().parse(self.row.id) if name not in (None, *_PLACE)]
        whole = all(name in old and name in new for name in named)
        return not self.row.shared and whole and all(old[name] == new[name] for name in named)

    def create(self, target: Target, name: str, inputs: Values) -> Live:
        content = _content(inputs)
        given = {"token": self.row.token, "inputs": _without_files(inputs), **_place(target)}
        if content is not None:
            given["content"] = base64.b64encode(content).decode()
        return _live(_call(target, "create", given))

    def update(self, target: Target, live: Live, old: Values, new: Values) -> Live:
        given = {"token": self.row.token, "inputs": _without_files(new), "uid": live.handle, **_place(target)}
        return _live(_call(target, "update", given))

    def delete(self, target: Target, live: Live, inputs: Values) -> None:
        _call(target, "delete", {"uid": live.handle})

    def read(self, target: Target, id: str) -> Live:  # noqa: A002 - Pulumi's word
        raise CloudError(f"{self.row.token}: existing ones cannot be read on the local cloud")


def _place(target: Target) -> dict[str, Any]:
    return {"project": target.settings["project"], "region": target.settings["region"]}


def _live(answer: Mapping[str, Any]) -> Live:
    return Live(id=answer["id"], outputs=answer["outputs"], handle=answer["uid"])


def _call(target: Target, operation: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    connection = http.client.HTTPConnection(urlsplit(target.endpoint).netloc, timeout=TIMEOUT_S)
    try:
        connection.request("POST", f"/_local/gcp/resources/{operation}", json.dumps(given))
        response = connection.getresponse()
        answer: Any = json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise CloudError(f"the local cloud at {target.endpoint} does not answer: {error}") from error
    finally:
        connection.close()
    if response.status >= 400:
        raise CloudError(str(answer["message"]))
    return answer or {}


def _content(inputs: Values) -> bytes | None:
    """The bytes of a file among the inputs; an archive becomes a zip."""
    for value in inputs.values():
        if isinstance(value, Archive):
            return value.zip()
        if isinstance(value, Asset):
            return value.content
    text = inputs.get("content")
    return text.encode() if isinstance(text, str) else None


def _without_files(value: Any) -> Any:
    """Files as their digests, so that a change shows."""
    if isinstance(value, Archive | Asset):
        return {"digest": value.digest}
    if is_mapping(value):
        return {key: _without_files(item) for key, item in value.items()}
    return [_without_files(item) for item in value] if is_list(value) else value
