"""Cloud Scheduler: jobs that fire by the clock or by hand."""

from __future__ import annotations

import base64
import http.client
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.registry import Deployed, Registry
from serverless_ai_local.gcp.services.cron import parse
from serverless_ai_local.gcp.services.delivery import post
from serverless_ai_local.gcp.services.pubsub import PubSub
from serverless_ai_local.gcp.tokens import GoogleTokens

ATTEMPT_S: Final = 180.0
_log = logging.getLogger(__name__)


class Scheduler:
    """The jobs that are deployed now. Its own account may publish to every topic, as in the cloud."""

    def __init__(self, registry: Registry, pubsub: PubSub, tokens: GoogleTokens) -> None:
        self._registry, self._pubsub, self._tokens = registry, pubsub, tokens

    def fire(self, region: str, name: str) -> dict[str, Any]:
        """Run a job now, whatever its schedule and state. LookupError if there is none."""
        for job in self._registry.all(types.JOB):
            if (job.inputs.get("region", job.region), job.inputs["name"]) == (region, name):
                return self._run(job)
        raise LookupError(f"there is no job {name} in {region}")

    def tick(self, minute: datetime) -> None:
        """Run what is due in this minute."""
        for job in self._registry.all(types.JOB):
            matches = parse(job.inputs["schedule"], job.inputs.get("timeZone", "Etc/UTC"))
            if not job.inputs.get("paused") and matches(minute):
                _log.info("%s: %s", job.id, self._run(job))

    def _run(self, job: Deployed) -> dict[str, Any]:
        target: Mapping[str, Any] | None = job.inputs.get("pubsubTarget")
        if target is None:
            return self._call(job.inputs["httpTarget"])
        if self._registry.find(types.TOPIC, target["topicName"]) is None:
            return {"delivered": False, "error": f"NOT_FOUND: {target['topicName']}"}
        ident = self._pubsub.publish(
            target["topicName"], target.get("data", ""), target.get("attributes", {})
        )
        return {"delivered": True, "execution_id": ident}

    def _call(self, target: Mapping[str, Any]) -> dict[str, Any]:
        headers = dict(target.get("headers", {}))
        oidc = target.get("oidcToken")
        if oidc is not None:
            audience = oidc.get("audience") or target["uri"]
            token = self._tokens.id_token(oidc["serviceAccountEmail"], audience)
            headers["Authorization"] = f"Bearer {token}"
        body = base64.b64decode(target.get("body", ""))
        try:
            status = post(target["uri"], body, headers, ATTEMPT_S, target.get("httpMethod", "POST"))
        except (OSError, http.client.HTTPException) as error:
            return {"delivered": False, "error": str(error)}
        return {"delivered": status < 300, "status": status}
