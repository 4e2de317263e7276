"""Bedrock's control plane: guardrails, and the models that are known here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response

from serverless_ai_local.aws.api import ApiError, Call, Operations
from serverless_ai_local.aws.bedrock.guardrails import DRAFT, Guardrail, Guardrails
from serverless_ai_local.aws.calls import reply
from serverless_ai_local.plain import is_list, is_mapping
from serverless_ai_patterns.aws.models import ROWS


class BedrockControl:
    """The operations, over the same guardrails that the runtime enforces."""

    def __init__(self, guardrails: Guardrails) -> None:
        self._guardrails = guardrails
        self._tags: dict[str, dict[str, str]] = {}

    def operations(self) -> Operations:
        """What this answers."""
        return {
            ("bedrock", "CreateGuardrail"): self._create,
            ("bedrock", "UpdateGuardrail"): self._update,
            ("bedrock", "GetGuardrail"): self._get,
            ("bedrock", "ListGuardrails"): self._list,
            ("bedrock", "DeleteGuardrail"): self._delete,
            ("bedrock", "CreateGuardrailVersion"): self._publish,
            ("bedrock", "TagResource"): self._tag,
            ("bedrock", "UntagResource"): self._untag,
            ("bedrock", "ListTagsForResource"): self._list_tags,
            ("bedrock", "ListFoundationModels"): _models,
        }

    def _create(self, call: Call) -> Response:
        body = _body(call)
        made = self._guardrails.create(body, call.region, call.account)
        self._tags[made.arn] = _by_key(body.get("tags", []))
        return reply({**_names(made), "version": made.version, "createdAt": _time(made.created)}, 202)

    def _update(self, call: Call) -> Response:
        changed = self._guardrails.update(_identifier(call), _body(call))
        return reply(
            {**_names(changed), "version": changed.version, "updatedAt": _time(changed.updated)}, 202
        )

    def _get(self, call: Call) -> Response:
        version = call.request.args.get("guardrailVersion", DRAFT)
        found = self._guardrails.get(_identifier(call), version)
        content = {
            **_names(found),
            "version": found.version,
            "status": "READY",
            "createdAt": _time(found.created),
            "updatedAt": _time(found.updated),
            **_shown(found.config),
        }
        return reply(content)

    def _list(self, call: Call) -> Response:
        found = self._guardrails.listed(call.request.args.get("guardrailIdentifier"))
        return reply({"guardrails": [_summary(one) for one in found]})

    def _delete(self, call: Call) -> Response:
        self._guardrails.delete(_identifier(call), call.request.args.get("guardrailVersion"))
        return reply({}, 202)

    def _publish(self, call: Call) -> Response:
        made = self._guardrails.publish(_identifier(call), str(_body(call).get("description", "")))
        return reply({"guardrailId": made.id, "version": made.version}, 202)

    def _tag(self, call: Call) -> Response:
        body = _body(call)
        self._tags_of(body).update(_by_key(body.get("tags", [])))
        return reply({})

    def _untag(self, call: Call) -> Response:
        body = _body(call)
        tags = self._tags_of(body)
        for key in body.get("tagKeys", []):
            tags.pop(key, None)
        return reply({})

    def _list_tags(self, call: Call) -> Response:
        tags = self._tags_of(_body(call))
        return reply({"tags": [{"key": key, "value": value} for key, value in tags.items()]})

    def _tags_of(self, body: Mapping[str, Any]) -> dict[str, str]:
        arn = str(body.get("resourceARN", ""))
        self._guardrails.get(arn, DRAFT)
        return self._tags.setdefault(arn, {})


def _by_key(tags: list[Mapping[str, str]]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in tags}


def _models(call: Call) -> Response:
    """Models of the registry; the local cloud answers for any id of a known form."""
    summaries = [
        {
            "modelArn": f"arn:aws:bedrock:{call.region}::foundation-model/{base}",
            "modelId": base,
            "modelName": row.name,
            "providerName": base.partition(".")[0].capitalize(),
            "inputModalities": ["TEXT"],
            "outputModalities": ["TEXT"],
            "responseStreamingSupported": True,
            "inferenceTypesSupported": ["ON_DEMAND"] if "" in row.prices else ["INFERENCE_PROFILE"],
            "modelLifecycle": {"status": "ACTIVE"},
        }
        for base, row in ROWS.items()
    ]
    return reply({"modelSummaries": summaries})


def _identifier(call: Call) -> str:
    return call.request.path.removeprefix("/guardrails/")


def _body(call: Call) -> Mapping[str, Any]:
    try:
        body: Any = json.loads(call.request.get_data() or b"{}")
    except ValueError as error:
        raise ApiError("ValidationException", f"the body is not JSON: {error}") from error
    if not is_mapping(body):
        raise ApiError("ValidationException", "the body is not an object")
    return body


def _names(guardrail: Guardrail) -> dict[str, str]:
    return {"guardrailId": guardrail.id, "guardrailArn": guardrail.arn}


def _summary(guardrail: Guardrail) -> dict[str, Any]:
    return {
        "id": guardrail.id,
        "arn": guardrail.arn,
        "name": guardrail.config["name"],
        "description": guardrail.description or guardrail.config.get("description", ""),
        "status": "READY",
        "version": guardrail.version,
        "createdAt": _time(guardrail.created),
        "updatedAt": _time(guardrail.updated),
    }


def _shown(value: Any) -> Any:
    """What was given as `...Config` is shown without that word."""
    if is_mapping(value):
        return {name.removesuffix("Config"): _shown(one) for name, one in value.items()}
    if is_list(value):
        return [_shown(one) for one in value]
    return value


def _time(moment: Any) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
