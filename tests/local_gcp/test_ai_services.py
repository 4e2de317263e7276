"""The local AI services of Google as the pipeline's own adapters use them: content in, its answer out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ai_items import OPTIONS, completed, file, text
from azure_app import PIPELINE
from google_calls import cloud
from google_local import HERE, Local
from made_files import mp4, pdf, png, wav
from memory_ports import Clock

from serverless_ai_local.gcp import types
from serverless_ai_local.gcp.project import REGION
from serverless_ai_runtime.adapters.gcp.ai import PERMISSIONS, make
from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.gcp.storage import WRITE_PERMISSIONS, StorageObjects
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.ports import Source, Started, Unprocessable
from serverless_ai_runtime.core.ports import Deadline, Refused


class World:
    """One account with the permissions of a purpose, two buckets and a processor."""

    def __init__(self, local: Local, purpose: str, *permissions: str) -> None:
        self.local, self.purpose = local, purpose
        for bucket in ("uploads", "results"):
            local.make(types.BUCKET, name=bucket, location=REGION)
        given = {"displayName": "ocr", "location": "us", "type": "OCR_PROCESSOR"}
        self.processor = local.make(types.PROCESSOR, **given)["id"]
        allowed = permissions or (*PERMISSIONS[purpose], *WRITE_PERMISSIONS)
        email = local.account("worker", *allowed)
        self._cloud = cloud(Clock().world(), local.access_token(email))

    def service(self) -> Any:
        endpoint = {"ocr": self.processor, "transcribe": f"{HERE}/locations/us"}.get(self.purpose, "")
        settings = PIPELINE._replace(
            processor=self.purpose, options=json.dumps(OPTIONS[self.purpose]), ai_endpoint=endpoint
        )
        objects = StorageObjects(Service(self._cloud, "CloudStorage", self.local.url, SCOPE))
        return make(settings, lambda name, host: Service(self._cloud, name, self.local.url, SCOPE), objects)

    def analyse(self, source: Source) -> Any:
        return completed(self.service(), source)

    def file(self, name: str, content: bytes) -> Source:
        place = f"/upload/storage/v1/b/uploads/o?uploadType=media&name=in/{name.replace(' ', '%20')}"
        assert self.local.send("POST", place, content).status == 200
        return file(name, content)


def test_a_document_is_read_at_once_page_by_page(local: Local) -> None:
    world = World(local, "ocr")
    found = world.analyse(world.file("two.pdf", pdf("The bridge", "Two towers")))
    assert [(page["page"], page["text"].strip()) for page in found["pages"]] == [
        (1, "The bridge"),
        (2, "Two towers"),
    ]
    assert world.analyse(world.file("scan.png", png(description="A\nB")))["text"] == "A\nB"


def test_a_document_of_many_pages_is_read_by_a_job_that_writes_into_the_results(local: Local) -> None:
    world = World(local, "ocr")
    source = world.file("a long one.pdf", pdf(*[f"Page {number}" for number in range(1, 46)]))
    assert isinstance(world.service().analyse(source, Deadline(5)), Started)
    found = world.analyse(source)
    assert [page["text"].strip() for page in found["pages"]] == [f"Page {number}" for number in range(1, 46)]
    assert [page["page"] for page in found["pages"]] == list(range(1, 46))


@pytest.mark.parametrize("content", [b"these are words", pdf("A page", "Another")[:150]])
def test_what_is_no_document_is_final(local: Local, content: bytes) -> None:
    world = World(local, "ocr")
    with pytest.raises(Unprocessable, match="Unsupported input file format"):
        world.analyse(world.file("x.pdf", content))


def test_what_is_said_comes_with_its_language(local: Local) -> None:
    world = World(local, "transcribe")
    assert world.analyse(world.file("call 7.wav", wav("Good day."))) == {
        "text": "Good day.",
        "language": "en-US",
    }
    assert world.analyse(world.file("film.mp4", mp4("At dawn.")))["text"] == "At dawn."
    assert world.analyse(world.file("silence.wav", wav()))["text"] == ""
    with pytest.raises(Unprocessable, match="could not be decoded") as error:
        world.analyse(world.file("noise.wav", b"no recording at all"))
    assert error.value.code == "job_failed"


def test_labels_and_unfit_pictures_are_those_of_the_file(local: Local) -> None:
    labels = World(local, "image_labels")
    found = labels.analyse(labels.file("a.png", png(keywords="house")))
    assert {one["name"] for one in found["labels"]} == {"house", "Red"}
    with pytest.raises(Unprocessable, match="Bad image data") as error:
        labels.analyse(labels.file("b.png", b"words"))
    assert error.value.code == "unsupported_type"


def test_unfit_texts_and_pictures_are_flagged(local: Local) -> None:
    world = World(local, "moderate")
    assert world.analyse(text("A calm day.")) == {"flagged": False, "categories": []}
    assert world.analyse(text("They kill."))["categories"] == [{"name": "Violent", "score": 0.7}]
    assert world.analyse(world.file("a.png", png(keywords="murder")))["flagged"] is True


def test_entities_are_those_of_the_text(local: Local) -> None:
    found = World(local, "entities").analyse(text("Ä. Dr. Ada Lovelace came to London."))
    assert [(one["type"], one["text"]) for one in found["entities"]] == [
        ("PERSON", "Ada Lovelace"),
        ("LOCATION", "London"),
    ]


@pytest.mark.parametrize("purpose", sorted(OPTIONS))
def test_without_its_permission_every_service_refuses(local: Local, purpose: str) -> None:
    world = World(local, purpose, *WRITE_PERMISSIONS)
    kinds = {"ocr": ("a.pdf", pdf("A")), "transcribe": ("a.wav", wav("x"))}
    source = text("words") if purpose == "entities" else world.file(*kinds.get(purpose, ("a.png", png())))
    with pytest.raises(Refused) as error:
        world.analyse(source)
    assert (error.value.status, error.value.code) == (403, "PERMISSION_DENIED")


def test_an_operation_is_looked_at_with_a_permission_of_its_own(local: Local) -> None:
    world = World(local, "transcribe", "speech.recognizers.recognize", *WRITE_PERMISSIONS)
    started = world.service().analyse(world.file("a.wav", wav("x")), Deadline(5))
    with pytest.raises(Refused) as error:
        world.service().collect(started.handle, Deadline(5))
    assert error.value.code == "PERMISSION_DENIED"


def test_a_processor_that_is_not_there_is_missing(local: Local) -> None:
    world = World(local, "ocr")
    world.processor = world.processor + "x"
    with pytest.raises(Refused) as error:
        world.analyse(world.file("a.pdf", pdf("A")))
    assert error.value.code == "NOT_FOUND"


@pytest.mark.parametrize(
    ("change", "said"),
    [({"type": "FORM_PARSER_PROCESSOR"}, "OCR_PROCESSOR"), ({"location": REGION}, "location must be one of")],
)
def test_only_processors_that_answer_can_be_made(local: Local, change: dict[str, str], said: str) -> None:
    given = {"displayName": "x", "location": "us", "type": "OCR_PROCESSOR", **change}
    assert said in local.refused(types.PROCESSOR, **given)
