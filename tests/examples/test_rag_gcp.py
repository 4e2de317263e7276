"""The example of RAG on Google Cloud, deployed on the local cloud and asked through its page in a browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, Page
from rag_page import EXAMPLE, serving
from world import eventually

from serverless_ai_local.gcp import caller
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.pulumi_program import PulumiProgram

GCLOUD = Path(__file__).parents[1] / "docs/stand_ins"
FERRY = "When does the first ferry to Gull Island leave?"
# One question for each kind of document: what is answered, and where it stands.
QUESTIONS = {
    FERRY: ("leaves at 07:15", "timetable.html", ["section Gull Island"]),
    "What must dogs be kept on?": ("on a leash", "house-rules.md", ["section Dogs"]),
    "What does winter storage cost?": ("three hundred and forty", "dues.docx", ["section Winter storage"]),
    "When does the swing bridge open?": ("VHF channel 12", "notice-14.pdf", ["page 2"]),
    "In which year was the lighthouse built?": ("built in 1871", "lighthouse.txt", []),
}  # fmt: skip


@pytest.fixture(scope="module")
def program(cloud: RunningCloud) -> PulumiProgram:
    return PulumiProgram(cloud=cloud, program_dir=EXAMPLE, stack="dev", config=caller.CONFIG)


@pytest.fixture(scope="module")
def outputs(program: PulumiProgram) -> dict[str, str]:
    return {name: str(value) for name, value in program.up().outputs.items()}


@pytest.fixture
def page(
    cloud: RunningCloud, outputs: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Page]:
    """The page as serve.py serves it to somebody whom the program lets in."""
    monkeypatch.setenv("SERVERLESS_AI_STATE_DIR", str(cloud.state_dir))
    monkeypatch.setenv("ENDPOINT", outputs["endpoint"])
    browser = Browser(tmp_path)
    try:
        with (
            serving(outputs["endpoint"], GCLOUD, Path(sys.executable).parent) as address,
            browser.page(address) as page,
        ):
            yield page
    finally:
        browser.end()


def asked_anew(page: Page, question: str) -> str:
    """What the page says to a question in a new conversation."""
    page.click("#fresh")
    page.until("document.activeElement.id === 'question'")
    page.type(question)
    page.press("Enter")
    page.until("document.querySelectorAll('.answer, .problem').length === 1", within=30)
    assert page.texts(".problem") == []
    return page.text(".answer")


@pytest.mark.row("exercise-03", "gcp-04", "gcp-22", "gcp-26")
def test_the_page_answers_from_the_documents_until_they_change_or_go(
    program: PulumiProgram, outputs: dict[str, str], page: Page
) -> None:
    bucket = outputs["documents"]
    for path in (EXAMPLE / "documents").iterdir():
        assert caller.upload(program.cloud, bucket, path.name, path.read_bytes())[0] == 200

    def says(question: str, words: str) -> None:
        eventually(lambda: words in asked_anew(page, question), within=60, every=0.3, what=words)

    for question, (words, document, place) in QUESTIONS.items():
        says(question, words)
        assert page.texts(".notes .document") == [document]
        assert page.texts(".notes .place") == place
        assert words in page.text(".notes blockquote")

    timetable = (EXAMPLE / "documents/timetable.html").read_bytes()
    caller.upload(program.cloud, bucket, "timetable.html", timetable.replace(b"07:15", b"06:40"))
    says(FERRY, "leaves at 06:40")
    assert "07:15" not in page.text("#log")

    assert caller.delete(program.cloud, bucket, "timetable.html")[0] == 204
    says(FERRY, "Not in the documents")
    assert page.texts(".notes") == []
    assert "The documents do not answer this." in page.text(".answer")
    says("What must dogs be kept on?", "on a leash")
    assert page.complaints() == []
    assert program.destroy().steps
