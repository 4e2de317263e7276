"""Real files of many kinds and names: each has a result or a dead letter that says why."""

from __future__ import annotations

import pytest
from made_files import bomb, docx, pdf, png
from pipeline_world import PipelineWorld
from world import eventually

LIGHTHOUSE = "The lighthouse was built in 1871. Its keeper lit the lamp."
CAFE = "Das Café öffnet um neun. Es schließt um zwölf."
RESULTS = {
    "in/two pages.pdf": (pdf("The bridge has two towers.", "They are of stone."), "bridge"),
    "in/letter.docx": (docx("The letter came by sea.", heading="A letter"), "letter"),
    "in/page.html": (b"<html><body><h1>Tides</h1><p>The tide is high.</p></body></html>", "Tides"),
    "in/utf-8.txt": (CAFE.encode(), "Café"),
    "in/utf-8-bom.txt": (CAFE.encode("utf-8-sig"), "Café"),
    "in/utf-16.txt": (CAFE.encode("utf-16"), "Café"),
    "in/latin-1.txt": (CAFE.encode("latin-1"), "Café"),
    "in/a name with spaces.txt": (LIGHTHOUSE.encode(), "lighthouse"),
    "in/no#1.txt": (LIGHTHOUSE.encode(), "lighthouse"),
    "in/100%.txt": (LIGHTHOUSE.encode(), "lighthouse"),
    "in/a+b&c=d?.txt": (LIGHTHOUSE.encode(), "lighthouse"),
    "in/🎈/grüße.txt": (LIGHTHOUSE.encode(), "lighthouse"),
}
"""Key -> content, and a word of the summary."""
DEAD_LETTERS = {
    "in/zero.txt": (b"", "empty_document"),
    "in/blank.txt": (b" \n\t\n", "no_text"),
    "in/picture.png": (png(), "unsupported_type"),
    "in/truncated.pdf": (pdf("A page", "Another page")[:150], "damaged_document"),
    "in/secret.pdf": (pdf("A page", password="x"), "encrypted_document"),
    "in/bomb.docx": (bomb(200), "expands_too_much"),
    "in/50 MB.txt": (b"word " * (10 * 1024 * 1024), "too_long"),
}
"""Key -> content, and the code of the dead letter."""


@pytest.mark.timeout(400)
@pytest.mark.row("aws-23", "practice-04")
def test_every_file_has_a_result_or_a_dead_letter_that_says_why(pipeline: PipelineWorld) -> None:
    everything = {key: body for files in (RESULTS, DEAD_LETTERS) for key, (body, _) in files.items()}
    for key, body in everything.items():
        pipeline.upload(key, body)

    def ended() -> bool:
        return len(pipeline.results()) + len(pipeline.dead_letters()) >= len(everything)

    eventually(ended, within=200, what="the end of every file")
    results = pipeline.results()
    assert results.keys() == RESULTS.keys()
    for key, (_, word) in RESULTS.items():
        assert word in results[key]["output"]["summary"], key
        assert results[key]["item"]["id"].endswith("/" + key)
    letters = pipeline.dead_letters()
    codes = {key: code for key, (_, code) in DEAD_LETTERS.items()}
    # Each platform writes a key its own way: the text of a letter holds it plainly or encoded.
    assert sorted(letter["code"] for letter in letters) == sorted(codes.values())
    assert all(len(letter["reason"]) > 10 for letter in letters)
