"""Document AI, Vision, Natural Language and Speech-to-Text on the wire: fakes over a reader of contents."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from serverless_ai_local.ai.jobs import Job, Jobs
from serverless_ai_local.ai.reading import Reader
from serverless_ai_local.gcp.errors import missing, not_offered
from serverless_ai_local.gcp.iam.authority import Authority, Principal
from serverless_ai_local.gcp.registry import Registry
from serverless_ai_local.gcp.services.ai_documents import Documents
from serverless_ai_local.gcp.services.ai_speech import Speech
from serverless_ai_local.gcp.services.ai_texts_and_images import TextsAndImages
from serverless_ai_local.gcp.services.storage import Storage

PATH: Final = re.compile(
    r"/v1/images:(?P<images>\w+)"
    r"|/v2/documents:(?P<texts>\w+)"
    r"|/v1/(?P<processor>projects/[^/]+/locations/[^/]+/processors/[^/:]+):(?P<process>\w+)"
    r"|/v2/(?P<place>projects/[^/]+/locations/[^/]+)/recognizers/_:(?P<recognize>\w+)"
    r"|/(?P<version>v1|v2)/(?P<owner>projects/[^/]+/locations/[^/]+)/operations/(?P<operation>[^/]+)"
)
_OPERATIONS: Final[Mapping[str, tuple[str, str]]] = {
    "v1": ("documentai.operations.getLegacy", "documentai.googleapis.com"),
    "v2": ("speech.operations.get", "speech.googleapis.com"),
}
"""Version of the path -> permission to look at an operation, and whose it is."""

Body = Mapping[str, Any]


class AiServices:
    """All of them for every project."""

    def __init__(self, registry: Registry, authority: Authority, storage: Storage, reader: Reader) -> None:
        self._authority, self._jobs = authority, Jobs()
        self._documents = Documents(registry, authority, storage, reader, self._jobs)
        self._speech = Speech(authority, storage, reader, self._jobs)
        self._others = TextsAndImages(authority, reader)

    def __call__(self, who: Principal, method: str, found: re.Match[str], body: Body) -> Any:
        """The answer to a request whose path matched `PATH`; raises `RpcError`."""
        if found["operation"] and method == "GET":
            return self._operation(who, found["version"], found["owner"], found["operation"])
        calls: Mapping[str | None, Callable[[], Any]] = {
            "annotate": lambda: self._others.annotate(who, body),
            "analyzeEntities": lambda: self._others.entities(who, body),
            "moderateText": lambda: self._others.moderate(who, body),
            "process": lambda: self._documents.process(who, found["processor"], body),
            "batchProcess": lambda: self._documents.batch(who, found["processor"], body),
            "batchRecognize": lambda: self._speech.recognize(who, found["place"], body),
        }
        call = calls.get(found["images"] or found["texts"] or found["process"] or found["recognize"])
        if call is None or method != "POST":
            raise not_offered(f"{method} {found[0]}")
        return call()

    def _operation(self, who: Principal, version: str, owner: str, id_: str) -> dict[str, Any]:
        permission, service = _OPERATIONS[version]
        name = f"{owner}/operations/{id_}"
        self._authority.require(who, permission, name, service=service)
        job = self._jobs.get(f"{version}/{owner}", id_)
        if job is None:
            raise missing(f"The operation {name} was not found.")
        return operation(job, owner)


def operation(job: Job, owner: str) -> dict[str, Any]:
    """A long-running operation as Google's services write it; `about` is its metadata once it has ended."""
    name = f"{owner}/operations/{job.id}"
    if job.running:
        return {"name": name, "metadata": {"state": "RUNNING"}}
    if job.outcome.code:
        return {"name": name, "done": True, "error": {"code": 3, "message": job.outcome.message}}
    return {"name": name, "done": True, **job.outcome.value}
