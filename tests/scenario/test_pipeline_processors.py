"""Every AI service behind the pipeline: it answers from the content that it is given, or says why not."""

from __future__ import annotations

from typing import Any

import pytest
from made_files import mp4, pdf, png, wav
from pipeline_world import PipelineWorld
from world import eventually

LETTER = "Dr. Ada Lovelace met Charles Babbage in London on 5 June 1833."


def outputs(pipeline: PipelineWorld, variant: str, count: int) -> dict[str, dict[str, Any]]:
    """Name of the file -> what came out, of so many files."""

    def all_there() -> bool:
        return len(pipeline.results(variant)) + len(pipeline.dead_letters(variant)) >= count

    eventually(all_there, within=60, what=f"the end of {count} files of {variant}")
    return {key.removeprefix("in/"): one["output"] for key, one in pipeline.results(variant).items()}


def codes(pipeline: PipelineWorld, variant: str) -> list[str]:
    return sorted(letter["code"] for letter in pipeline.dead_letters(variant))


@pytest.mark.row("aws-12", "azure-19", "gcp-04", "practice-02")
def test_ocr_gives_the_text_of_scans_and_of_every_page_of_a_document(services: PipelineWorld) -> None:
    files = {
        "scan #1.png": png(64, 64, description="RECEIPT 42\nTotal 7"),
        "two pages.pdf": pdf("The bridge has two towers.", "They are of stone."),
        "long.pdf": pdf(*[f"Page {number}" for number in range(1, 42)]),
        "no scan.png": b"these are words and no picture",
        "damaged.pdf": pdf("A page", "Another page")[:150],
    }
    for name, body in files.items():
        services.upload(f"in/{name}", body, variant="ocr")
    found = outputs(services, "ocr", len(files))
    assert found.keys() == {"scan #1.png", "two pages.pdf", "long.pdf"}, services.dead_letters("ocr")
    assert found["scan #1.png"]["text"] == "RECEIPT 42\nTotal 7"
    pages = found["two pages.pdf"]["pages"]
    assert [page["page"] for page in pages] == [1, 2]
    assert [page["text"].strip() for page in pages] == ["The bridge has two towers.", "They are of stone."]
    assert [page["text"].strip() for page in found["long.pdf"]["pages"]] == [
        f"Page {number}" for number in range(1, 42)
    ]
    assert set(codes(services, "ocr")) <= {"unsupported_type", "damaged_document", "job_failed"}
    assert len(codes(services, "ocr")) == 2


@pytest.mark.row("aws-24", "azure-20")
def test_labels_are_those_of_the_picture(services: PipelineWorld) -> None:
    services.upload("in/house.png", png(64, 64, keywords="house, roof"), variant="labels")
    services.upload("in/no picture.png", b"these are words", variant="labels")
    found = outputs(services, "labels", 2)
    names = {label["name"]: label["confidence"] for label in found["house.png"]["labels"]}
    assert names.keys() == {"house", "roof", "Red"}
    assert all(0.7 <= confidence <= 1 for confidence in names.values())
    assert codes(services, "labels") == ["unsupported_type"]


@pytest.mark.row("aws-25", "azure-20", "practice-02")
def test_what_is_said_in_a_recording_or_a_video_is_written_down(services: PipelineWorld) -> None:
    services.upload("in/call 7.wav", wav("The order comes on Friday."), variant="speech")
    services.upload("in/film.mp4", mp4("The harbour at dawn."), variant="speech")
    services.upload("in/noise.wav", b"RIFF but no recording at all", variant="speech")
    services.upload("in/notes.txt", b"no recording", variant="speech")
    found = outputs(services, "speech", 4)
    assert {name: one["text"] for name, one in found.items()} == {
        "call 7.wav": "The order comes on Friday.",
        "film.mp4": "The harbour at dawn.",
    }
    assert all(one["language"].lower() == "en-us" for one in found.values())
    assert codes(services, "speech") == ["job_failed", "unsupported_type"]


def test_unfit_pictures_and_texts_are_flagged_and_others_are_not(services: PipelineWorld) -> None:
    files = {
        "calm.txt": b"A calm day at the sea.",
        "threat.txt": b"They kill and stab.",
        "calm.png": png(64, 64, keywords="house"),
        "threat.png": png(64, 64, keywords="murder, stab"),
    }
    for name, body in files.items():
        services.upload(f"in/{name}", body, variant="moderate")
    found = outputs(services, "moderate", len(files))
    assert {name: one["flagged"] for name, one in found.items()} == {
        "calm.txt": False,
        "threat.txt": True,
        "calm.png": False,
        "threat.png": True,
    }
    assert all(one["score"] >= 0.6 for one in found["threat.txt"]["categories"])


def test_entities_are_those_of_the_text(services: PipelineWorld) -> None:
    services.upload("in/letter.txt", LETTER.encode(), variant="entities")
    services.upload("in/letter.pdf", pdf(LETTER), variant="entities")
    services.upload("in/empty.txt", b"", variant="entities")
    found = outputs(services, "entities", 3)
    assert found.keys() == {"letter.txt", "letter.pdf"}
    for one in found.values():
        texts = {entity["text"] for entity in one["entities"]}
        assert {"Ada Lovelace", "Charles Babbage", "London", "5 June 1833"} <= texts
    assert codes(services, "entities") == ["empty_document"]


def test_no_call_of_a_service_or_around_it_was_refused(services: PipelineWorld) -> None:
    """Of all the tests above, results and dead letters."""
    checks = services.cloud.admin("GET", "iam/checks")["checks"]
    assert [check for check in checks if not check["allowed"]] == []
    assert len({check["role"] for check in checks}) >= 5, "each function has an identity of its own"
