"""Vision's annotations of an image; Natural Language's entities and moderation of a text (v2)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from serverless_ai_local.ai.reading import Reader, Unreadable
from serverless_ai_local.gcp import project
from serverless_ai_local.gcp.errors import invalid, not_offered
from serverless_ai_local.gcp.iam.authority import Authority, Principal

USE: Final = "serviceusage.services.use"
MOST_BYTES: Final = 1_000_000
"""Of a text (https://cloud.google.com/natural-language/quotas, read 2026-11)."""
_KINDS: Final[Mapping[str, str]] = {
    "Person": "PERSON",
    "Location": "LOCATION",
    "Organization": "ORGANIZATION",
    "DateTime": "DATE",
    "Quantity": "NUMBER",
}
_CATEGORIES: Final[Mapping[str, str]] = {
    "Hate": "Insult",
    "SelfHarm": "Death, Harm & Tragedy",
    "Sexual": "Sexual",
    "Violence": "Violent",
}
_SAFE_SEARCH: Final[Mapping[str, str]] = {"Sexual": "adult", "Violence": "violence"}
_LIKELIHOODS: Final = (
    (0.9, "VERY_LIKELY"),
    (0.6, "LIKELY"),
    (0.4, "POSSIBLE"),
    (0.2, "UNLIKELY"),
    (0.0, "VERY_UNLIKELY"),
)


class TextsAndImages:
    """Whoever may use services of their project may ask."""

    def __init__(self, authority: Authority, reader: Reader) -> None:
        self._authority, self._reader = authority, reader

    # -- Vision -----------------------------------------------------------------------------------
    def annotate(self, who: Principal, body: Mapping[str, Any]) -> dict[str, Any]:
        self._require(who, "vision.googleapis.com")
        try:
            wanted = [
                (b64decode(str(one["image"]["content"])), [part["type"] for part in one["features"]])
                for one in body["requests"]
            ]
        except (KeyError, TypeError, ValueError):
            raise invalid("each of requests must have image.content and features locally") from None
        return {"responses": [self._image(content, features) for content, features in wanted]}

    def _image(self, content: bytes, features: list[str]) -> dict[str, Any]:
        try:
            answers = [self._feature(content, feature) for feature in features]
        except Unreadable as error:
            return {"error": {"code": 3, "message": f"Bad image data: {error}"}}
        return {name: value for answer in answers for name, value in answer.items()}

    def _feature(self, content: bytes, feature: str) -> dict[str, Any]:
        if feature == "LABEL_DETECTION":
            labels = sorted(self._reader.labels(content), key=lambda one: -one[1])
            return {"labelAnnotations": [{"description": name, "score": sure} for name, sure in labels]}
        if feature == "SAFE_SEARCH_DETECTION":
            harm = self._reader.harm_of_image(content)
            seen = {ours: _likelihood(harm.get(kind, 0.0)) for kind, ours in _SAFE_SEARCH.items()}
            others = dict.fromkeys(("spoof", "medical", "racy"), "VERY_UNLIKELY")
            return {"safeSearchAnnotation": {**others, **seen}}
        raise not_offered(f"{feature} of Vision; there are LABEL_DETECTION and SAFE_SEARCH_DETECTION")

    # -- Natural Language -------------------------------------------------------------------------
    def entities(self, who: Principal, body: Mapping[str, Any]) -> dict[str, Any]:
        text, language = self._text(who, body)
        found: list[dict[str, Any]] = [
            {
                "name": one.text,
                "type": _KINDS[one.category],
                "metadata": {},
                "mentions": [
                    {
                        "text": {"content": one.text, "beginOffset": len(text[: one.offset].encode())},
                        "type": "PROPER",
                        "probability": one.score,
                    }
                ],
            }
            for one in self._reader.entities(text, language)
        ]
        return {"entities": found, "languageCode": language, "languageSupported": True}

    def moderate(self, who: Principal, body: Mapping[str, Any]) -> dict[str, Any]:
        text, language = self._text(who, body)
        harm = self._reader.harm_of_text(text)
        found = [{"name": name, "confidence": harm.get(kind, 0.0)} for kind, name in _CATEGORIES.items()]
        return {"moderationCategories": found, "languageCode": language, "languageSupported": True}

    def _text(self, who: Principal, body: Mapping[str, Any]) -> tuple[str, str]:
        self._require(who, "language.googleapis.com")
        document: Mapping[str, Any] = body.get("document") or {}
        text = document.get("content")
        if document.get("type") != "PLAIN_TEXT" or not isinstance(text, str):
            raise invalid("document must be of the type PLAIN_TEXT and have content locally")
        if len(text.encode()) > MOST_BYTES:
            raise invalid(f"The document exceeds the maximum size of {MOST_BYTES} bytes.")
        return text, str(document.get("languageCode") or "en")

    def _require(self, who: Principal, service: str) -> None:
        at = who.email.rpartition("@")[2].removesuffix(".iam.gserviceaccount.com") or project.PROJECT
        self._authority.require(who, USE, f"projects/{at}", service=service)


def _likelihood(score: float) -> str:
    return next(name for least, name in _LIKELIHOODS if score >= least)
