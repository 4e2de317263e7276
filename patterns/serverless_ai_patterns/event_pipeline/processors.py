"""The AI step of an event pipeline: one of these is chosen by the setting `processor`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serverless_ai_patterns.validation import in_range, require, typed

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OPTIONS_BYTES = 2500
"""Of a processor's options as JSON: Lambda takes 4096 bytes of environment in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Summarize:
    """The model writes a summary: `{"summary"}`."""

    max_words: int = 120

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "max_words", 10, 2000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Classify:
    """The model chooses one label: `{"label", "reason"}`."""

    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        typed(self)
        unique = len(set(self.labels)) == len(self.labels) and all(label.strip() for label in self.labels)
        require(self, "labels", "2 to 50 different labels", when=2 <= len(self.labels) <= 50 and unique)


@dataclass(frozen=True, kw_only=True, slots=True)
class Extract:
    """The model fills in a form: an object that fits `json_schema`, and is checked against it."""

    json_schema: Mapping[str, Any] = field(hash=False)
    """JSON Schema of an object. Known words: type, properties, required, items, enum, description,
    additionalProperties, minimum, maximum, minLength, maxLength, minItems, maxItems, pattern."""

    def __post_init__(self) -> None:
        typed(self)
        require(
            self,
            "json_schema",
            'a JSON Schema with "type": "object" and "properties"',
            when=self.json_schema.get("type") == "object" and bool(self.json_schema.get("properties")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Translate:
    """The model translates: `{"translation", "language"}`."""

    language: str
    """BCP 47, e.g. `de` or `pt-BR`."""

    def __post_init__(self) -> None:
        typed(self)
        require(
            self, "language", "a language like de or pt-BR", when=bool(_LANGUAGE.fullmatch(self.language))
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Ocr:
    """Text of scans and images: `{"text", "pages"}` (Textract, Document Intelligence, Document AI)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageLabels:
    """What is in an image: `{"labels"}` (Rekognition, Azure Vision, Cloud Vision)."""

    min_confidence: int = 70
    """Percent."""

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "min_confidence", 0, 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcribe:
    """What is said in audio or video: `{"text", "language"}` (Transcribe, Azure Speech, Speech-to-Text)."""

    language: str = "en-US"
    """BCP 47 of what is spoken."""

    def __post_init__(self) -> None:
        typed(self)
        require(self, "language", "a language like en-US", when=bool(_LANGUAGE.fullmatch(self.language)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Moderate:
    """Whether an image or text is unfit: `{"flagged", "categories"}` (Rekognition and Comprehend, Content
    Safety, Cloud Vision and Natural Language)."""

    threshold: int = 50
    """Percent: a category counts from this score on."""

    def __post_init__(self) -> None:
        typed(self)
        in_range(self, "threshold", 1, 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class Entities:
    """People, places, organisations, dates in text: `{"entities"}` (Comprehend, Azure Language, Natural
    Language)."""

    language: str = "en"

    def __post_init__(self) -> None:
        typed(self)
        require(self, "language", "a language like en", when=bool(_LANGUAGE.fullmatch(self.language)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Custom:
    """A function of yours: `def process(item: dict) -> dict`, in a file that is bundled beside the handler.

    `item` has `name`, `kind` (object or message), `body` (bytes) and `text` (of a message). What it returns
    is the output. It raises `ValueError` for what can never be processed: the item becomes a dead letter with
    that reason; any other exception is tried again. Standard library only, as nothing else is bundled.
    """

    file: str
    """Path of the file, from where the program runs."""
    function: str = "process"

    def __post_init__(self) -> None:
        typed(self)
        require(
            self,
            "file",
            "the path of a .py file that exists",
            when=self.file.endswith(".py") and Path(self.file).is_file(),
        )
        require(self, "function", "the name of a function", when=bool(_NAME.fullmatch(self.function)))


MODEL_PROCESSORS = (Summarize, Classify, Extract, Translate)
"""Those that ask the language model."""
SERVICE_PROCESSORS = (Ocr, ImageLabels, Transcribe, Moderate, Entities)
"""Those that ask one of the cloud's AI services."""
Processor = (
    Summarize | Classify | Extract | Translate | Ocr | ImageLabels | Transcribe | Moderate | Entities | Custom
)
