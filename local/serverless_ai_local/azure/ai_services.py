"""A fake of Azure's AI services at a Foundry account, over whatever reads the content that they are given.

Document Intelligence (prebuilt-read), Vision (tags), Speech (batch transcription), Content Safety, Language.
"""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

from werkzeug.wrappers import Response

from serverless_ai_local.ai.jobs import Job, Jobs, Outcome
from serverless_ai_local.ai.reading import HARMS, Reader, Unreadable
from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.blobs import CONTAINER, READ, Blobs
from serverless_ai_local.azure.calls import Call, ServiceFault, reply
from serverless_ai_local.azure.entra import Principal
from serverless_ai_local.azure.estate import Estate, Resource, part
from serverless_ai_local.plain import is_list, is_mapping

_T = TypeVar("_T")
_ACCOUNTS: Final = "Microsoft.CognitiveServices/accounts"
VERSIONS: Final[Mapping[str, str]] = {
    "documentintelligence": "2024-11-30",
    "computervision": "2024-02-01",
    "speechtotext": "2024-11-15",
    "contentsafety": "2024-09-01",
    "language": "2023-04-01",
}
"""By the first word of the path: the one version that is offered here."""
MOST_TEXT: Final = 10_000
MOST_NER_TEXT: Final = 5_120
MOST_NER_DOCUMENTS: Final = 5
_JSON_ERROR: Final = ServiceFault(400, "InvalidRequest", "The request body is not a JSON object.")


class AiServices:
    """All accounts' AI services. Who calls has been checked; what they may is checked here."""

    def __init__(self, estate: Estate, access: Access, blobs: Blobs, reader: Reader) -> None:
        self._estate, self._access = estate, access
        self._blobs, self._reader, self._jobs = blobs, reader, Jobs()
        self._signatures: dict[str, str] = {}

    @staticmethod
    def addressed(call: Call) -> bool:
        """Whether a call of an account is for one of these services and not for a model."""
        return call.parts[1:2] != () and call.parts[1] in VERSIONS

    def signed(self, call: Call) -> Response | None:
        """What a transcription came to, by a URL that is signed and needs no token; None for other calls."""
        job = call.parts[3] if len(call.parts) == 5 and call.parts[4] == "content" else ""
        if not job or "sig" not in call.query:
            return None
        found = self._jobs.get(call.parts[0], job)
        if found is None or not secrets.compare_digest(call.query["sig"], self._signatures.get(job, "")):
            raise ServiceFault(403, "AuthenticationFailed", "Signature did not match.")
        return reply({"combinedRecognizedPhrases": [{"channel": 0, "display": found.outcome.value}]})

    def __call__(self, call: Call, who: Principal, account: Resource) -> Response:
        """Raises `ServiceFault`."""
        service, *path = call.parts[1:]
        if call.query.get("api-version") != VERSIONS[service]:
            text = f"the local {service} is offered as api-version={VERSIONS[service]}"
            raise ServiceFault(404, "404", text)
        found = _ROUTES.get((call.method, service, "/".join(_named(path))))
        if found is None:
            raise ServiceFault(404, "404", f"{call.method} {call.target} is not offered locally")
        action, run = found
        self._check(who, account, action)
        return run(self, call, account)

    def _check(self, who: Principal, account: Resource, action: str) -> None:
        refusal = f"The principal `{who.oid}` lacks the required data action `{_ACCOUNTS}/{action}`."
        if not self._access.allows(who, account.id, f"{_ACCOUNTS}/{action}", refusal=refusal):
            raise ServiceFault(401, "PermissionDenied", refusal)

    # -- Document Intelligence --------------------------------------------------------------------
    def analyze_document(self, call: Call, account: Resource) -> Response:
        content = _content(call)

        def work() -> Outcome:
            try:
                return Outcome(value=self._reader.pages(content))
            except Unreadable as error:
                return Outcome(code="InvalidContent", message=str(error))

        id_ = self._jobs.begin(account.name, work).id
        place = f"{_endpoint(account)}/documentintelligence/documentModels/prebuilt-read/analyzeResults/{id_}"
        version = VERSIONS["documentintelligence"]
        return Response(status=202, headers={"operation-location": f"{place}?api-version={version}"})

    def document_result(self, call: Call, account: Resource) -> Response:
        job = self._job(call.parts[-1], account)
        if job.running:
            return reply({"status": "running"})
        if job.outcome.code:
            error = {"code": job.outcome.code, "message": job.outcome.message}
            return reply({"status": "failed", "error": error})
        pages = [
            {"pageNumber": number, "lines": [{"content": line} for line in text.splitlines() if line.strip()]}
            for number, text in enumerate(job.outcome.value, 1)
        ]
        content = "\n".join(job.outcome.value)
        result = {"modelId": "prebuilt-read", "content": content, "pages": pages}
        return reply({"status": "succeeded", "analyzeResult": result})

    # -- Vision -----------------------------------------------------------------------------------
    def analyze_image(self, call: Call, account: Resource) -> Response:
        del account
        if call.query.get("features") != "tags":
            raise ServiceFault(400, "InvalidRequest", "the local Vision offers the feature tags only")
        found = _read(lambda: self._reader.labels(_content(call)))
        values = [{"name": name, "confidence": confidence} for name, confidence in found]
        return reply({"modelVersion": "2023-10-01", "tagsResult": {"values": values}})

    # -- Content Safety ---------------------------------------------------------------------------
    def analyze_text(self, call: Call, account: Resource) -> Response:
        del account
        body = _body(call)
        text = body.get("text")
        if not isinstance(text, str) or not 0 < len(text) <= MOST_TEXT:
            raise ServiceFault(400, "InvalidRequestBody", f"text must have 1 to {MOST_TEXT} characters")
        steps = 1 if body.get("outputType") == "EightSeverityLevels" else 2
        return _severities(_read(lambda: self._reader.harm_of_text(text)), steps)

    def analyze_safety_image(self, call: Call, account: Resource) -> Response:
        del account
        encoded = part(_body(call), "image").get("content")
        try:
            content = b64decode(str(encoded), validate=True)
        except ValueError:
            raise ServiceFault(400, "InvalidRequestBody", "image.content must be base64") from None
        return _severities(_read(lambda: self._reader.harm_of_image(content)), 2)

    # -- Language ---------------------------------------------------------------------------------
    def analyze_language(self, call: Call, account: Resource) -> Response:
        del account
        body = _body(call)
        documents = part(body, "analysisInput").get("documents")
        if body.get("kind") != "EntityRecognition" or not is_list(documents):
            raise ServiceFault(400, "InvalidArgument", "the local Language offers EntityRecognition only")
        if len(documents) > MOST_NER_DOCUMENTS:
            raise ServiceFault(400, "InvalidDocumentBatch", f"at most {MOST_NER_DOCUMENTS} documents")
        found, errors = list[dict[str, Any]](), list[dict[str, Any]]()
        for one in documents:
            given: Mapping[str, Any] = one if is_mapping(one) else {}
            text, id_ = str(given.get("text", "")), given.get("id")
            if 0 < len(text) <= MOST_NER_TEXT:
                language = str(given.get("language", "en"))
                found.append({"id": id_, "entities": self._entities(text, language), "warnings": []})
            else:
                what = f"A document must have 1 to {MOST_NER_TEXT} characters."
                errors.append({"id": id_, "error": {"code": "InvalidDocument", "message": what}})
        results = {"documents": found, "errors": errors, "modelVersion": "latest"}
        return reply({"kind": "EntityRecognitionResults", "results": results})

    def _entities(self, text: str, language: str) -> list[dict[str, Any]]:
        return [
            {
                "text": entity.text,
                "category": entity.category,
                "offset": entity.offset,
                "length": len(entity.text),
                "confidenceScore": entity.score,
            }
            for entity in _read(lambda: self._reader.entities(text, language))
        ]

    # -- Speech -----------------------------------------------------------------------------------
    def submit_transcription(self, call: Call, account: Resource) -> Response:
        body = _body(call)
        urls, locale = body.get("contentUrls"), body.get("locale")
        if not is_list(urls) or len(urls) != 1 or not isinstance(locale, str):
            raise ServiceFault(400, "InvalidRequest", "one of contentUrls, and a locale, are needed locally")
        id_ = self._jobs.begin(account.name, lambda: self._transcribed(str(urls[0]), account), locale).id
        self._signatures[id_] = secrets.token_urlsafe(24)
        place = f"{_endpoint(account)}/speechtotext/transcriptions/{id_}"
        version = VERSIONS["speechtotext"]
        headers = {"location": f"{place}?api-version={version}"}
        return reply({"self": place, "status": "NotStarted", "locale": locale}, 201, headers)

    def transcription(self, call: Call, account: Resource) -> Response:
        job = self._job(call.parts[3], account)
        if job.running:
            return reply({"status": "Running", "locale": job.about})
        if job.outcome.code:
            error = {"code": job.outcome.code, "message": job.outcome.message}
            return reply({"status": "Failed", "locale": job.about, "properties": {"error": error}})
        return reply({"status": "Succeeded", "locale": job.about})

    def transcription_files(self, call: Call, account: Resource) -> Response:
        id_ = call.parts[3]
        job = self._job(id_, account)
        if job.running or job.outcome.code:
            return reply({"values": []})
        place = f"{_endpoint(account)}/speechtotext/transcriptions/{id_}/content"
        url = f"{place}?sig={self._signatures[id_]}"
        return reply({"values": [{"kind": "Transcription", "links": {"contentUrl": url}}]})

    def _transcribed(self, url: str, account: Resource) -> Outcome:
        """The service fetches the blob as the account's own identity."""
        _, _, where = urlsplit(url).path.partition("/blob/")
        name, _, rest = where.partition("/")
        folder, _, key = rest.partition("/")
        storage = self._estate.find("storage:StorageAccount", name)
        container = self._estate.find(CONTAINER, folder, storage.id) if storage else None
        identity = part(account.outputs, "identity")
        who = Principal(oid=str(identity.get("principalId", "")), name=account.name)
        refusal = "The service may not read the content."
        if container is None or not self._access.allows(who, container.id, READ, refusal=refusal):
            return Outcome(code="InvalidUri", message=f"The content at {url} cannot be read.")
        content = self._blobs.get(container.id, unquote(key))
        if content is None:
            return Outcome(code="InvalidUri", message=f"There is no content at {url}.")
        try:
            return Outcome(value=self._reader.speech(content))
        except Unreadable as error:
            return Outcome(code="InvalidData", message=str(error))

    def _job(self, id_: str, account: Resource) -> Job:
        job = self._jobs.get(account.name, id_)
        if job is None:
            raise ServiceFault(404, "NotFound", f"there is no operation {id_}")
        return job


_Run = Callable[[AiServices, Call, Resource], Response]
_READ_MODEL: Final = "documentModels/prebuilt-read"
_ROUTES: Final[Mapping[tuple[str, str, str], tuple[str, _Run]]] = {
    ("POST", "documentintelligence", f"{_READ_MODEL}:analyze"): (
        "FormRecognizer/documentmodels:analyze/action",
        AiServices.analyze_document,
    ),
    ("GET", "documentintelligence", f"{_READ_MODEL}/analyzeResults/{{id}}"): (
        "FormRecognizer/documentmodels/analyzeresults/read",
        AiServices.document_result,
    ),
    ("POST", "computervision", "imageanalysis:analyze"): (
        "ComputerVision/imageanalysis:analyze/action",
        AiServices.analyze_image,
    ),
    ("POST", "contentsafety", "text:analyze"): ("ContentSafety/text:analyze/action", AiServices.analyze_text),
    ("POST", "contentsafety", "image:analyze"): (
        "ContentSafety/image:analyze/action",
        AiServices.analyze_safety_image,
    ),
    ("POST", "language", ":analyze-text"): ("Language/analyze-text/action", AiServices.analyze_language),
    ("POST", "speechtotext", "transcriptions:submit"): (
        "SpeechServices/speechrest/transcriptions/write",
        AiServices.submit_transcription,
    ),
    ("GET", "speechtotext", "transcriptions/{id}"): (
        "SpeechServices/speechrest/transcriptions/read",
        AiServices.transcription,
    ),
    ("GET", "speechtotext", "transcriptions/{id}/files"): (
        "SpeechServices/speechrest/transcriptions/read",
        AiServices.transcription_files,
    ),
}
"""Method, service and path -> data action, and what answers."""


def _named(path: Sequence[str]) -> list[str]:
    """The path with an id in the place of a name of a job."""
    return [
        "{id}" if number and path[number - 1] in ("analyzeResults", "transcriptions") else word
        for number, word in enumerate(path)
    ]


def _endpoint(account: Resource) -> str:
    return str(account.outputs["properties"]["endpoint"]).rstrip("/")


def _content(call: Call) -> bytes:
    kind = call.headers.get("content-type", "").partition(";")[0]
    if kind != "application/octet-stream":
        raise ServiceFault(415, "UnsupportedMediaType", f"{kind or 'nothing'} is not offered locally")
    if not call.body:
        raise ServiceFault(400, "InvalidRequest", "The request body is empty.")
    return call.body


def _body(call: Call) -> dict[str, Any]:
    try:
        return call.json()
    except ValueError:
        raise _JSON_ERROR from None


def _read(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except Unreadable as error:
        raise ServiceFault(400, "InvalidRequest", str(error)) from None


def _severities(found: Mapping[str, float], steps: int) -> Response:
    """Severities of 0 to 7, or of 0, 2, 4 and 6."""
    listed = [
        {"category": harm, "severity": round(found.get(harm, 0.0) * 7) // steps * steps} for harm in HARMS
    ]
    return reply({"blocklistsMatch": [], "categoriesAnalysis": listed})
