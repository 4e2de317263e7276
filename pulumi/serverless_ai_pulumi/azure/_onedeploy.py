"""OneDeploy, the one way in which Flex Consumption takes code: a zip is posted, and its deployment watched.

The calls are those of Azure's own tools (azure-cli `enable_zip_deploy_flex`, azure-dev `FuncAppHostClient`;
read 2026-11): POST /api/publish answers 202 and the deployment's id, GET /api/deployments/ID how far it is.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any, Final, NamedTuple, cast

AUDIENCE: Final = "https://management.core.windows.net/"
"""What the token must be made out to; Azure's command line asks for the same."""
DEPLOYER: Final = "serverless-ai-patterns"

_CANCELLED, _FAILED, _SUCCESS, _CONFLICT, _PARTIAL = -1, 3, 4, 5, 6
_WORDS: Final[Mapping[int, str]] = {
    _CANCELLED: "was cancelled",
    _FAILED: "failed",
    _CONFLICT: "met another deployment",
    _PARTIAL: "succeeded only in part",
}
_NOT_YET: Final = frozenset((404, 409, 429, 500, 502, 503, 504))
"""Answers of a site that is only just being made, or busy with another deployment."""
_FORBIDDEN: Final = frozenset((401, 403))


class PublishError(Exception):
    """The code is not in the app; the text says what the site said."""


class Patience(NamedTuple):
    """Seconds, but for `attempts`."""

    reach: float = 300
    """A new site's name must first be known to the world, and the site must start."""
    finish: float = 900
    pause: float = 5
    poll: float = 2
    attempts: int = 3
    """Of a deployment that fails: a new identity's rights to the storage take minutes to be known."""
    again: float = 60
    answer: float = 120


class Site(NamedTuple):
    """The publishing site of an app, and how it is reached."""

    url: str
    token: str
    patience: Patience = Patience()
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def publish(site: Site, package: bytes) -> str:
    """Publish a zip; returns the deployment's id once the code is in the app. Raises `PublishError`."""
    attempt = 1
    while True:
        deployment = _post(site, package)
        status, text = _watch(site, deployment)
        if status == _SUCCESS:
            return deployment
        if attempt >= site.patience.attempts:
            what = f"deployment {deployment} {_WORDS[status]}: {text or 'without a reason'}"
            raise PublishError(f"publishing to {site.url}: {what}")
        attempt += 1
        site.sleep(site.patience.again)


def _post(site: Site, package: bytes) -> str:
    """The id of the deployment that was begun."""
    path = f"/api/publish?RemoteBuild=true&Deployer={DEPLOYER}"
    end = site.clock() + site.patience.reach
    while True:
        status, body = _call(site, path, package)
        if status == 202:
            return _deployment_id(site, body)
        if status in _FORBIDDEN:
            raise PublishError(
                f"publishing to {site.url}: refused with {status}; whoever deploys needs the role Website "
                f"Contributor on the app: {_shown(body)}"
            )
        if (status and status not in _NOT_YET) or site.clock() >= end:
            raise PublishError(f"publishing to {site.url}: {status or 'no answer'}: {_shown(body)}")
        site.sleep(site.patience.pause)


def _watch(site: Site, deployment: str) -> tuple[int, str]:
    """The final status of a deployment, and what the site says of it."""
    end, seen = site.clock() + site.patience.finish, False
    while True:
        status, body = _call(site, f"/api/deployments/{deployment}")
        if status == 200:
            state, seen = _object(body), True
            code = state.get("status")
            if code == _SUCCESS:
                return _SUCCESS, ""
            if code in _WORDS:
                return cast("int", code), str(state.get("status_text") or "") or _log(site, deployment)
        elif status == 404 and seen:
            return _SUCCESS, ""  # the worker that did it is gone once it is done (azure-dev says the same)
        elif status in _FORBIDDEN:
            raise PublishError(f"publishing to {site.url}: refused with {status} while it was watched")
        if site.clock() >= end:
            raise PublishError(
                f"publishing to {site.url}: deployment {deployment} is not done after "
                f"{site.patience.finish:g} s; last answer {status or 'none'}: {_shown(body)}"
            )
        site.sleep(site.patience.poll)


def _log(site: Site, deployment: str) -> str:
    """The last lines that the build wrote."""
    status, body = _call(site, f"/api/deployments/{deployment}/log")
    try:
        lines: list[Any] = json.loads(body) if status == 200 else []
        return "; ".join(str(line["message"]) for line in lines[-5:])
    except (ValueError, TypeError, LookupError):
        return _shown(body)


def _deployment_id(site: Site, body: bytes) -> str:
    try:
        deployment: object = json.loads(body)
    except ValueError:
        deployment = None
    if isinstance(deployment, str) and deployment:
        return deployment
    raise PublishError(f"publishing to {site.url}: the site named no deployment but answered {_shown(body)}")


def _call(site: Site, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body; (0, reason) for a site that cannot be reached."""
    request = urllib.request.Request(  # noqa: S310 - the URL is that of a resource of the program
        site.url + path, data=body, headers={"Authorization": f"Bearer {site.token}"}
    )
    if body is not None:
        request.add_header("Content-Type", "application/zip")
    try:
        with urllib.request.urlopen(request, timeout=site.patience.answer) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, HTTPException) as error:
        return 0, str(error).encode()


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        state: object = json.loads(body)
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", state) if isinstance(state, dict) else {}


def _shown(body: bytes) -> str:
    return body[:500].decode("utf-8", "replace").strip() or "(empty)"
