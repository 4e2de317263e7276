"""The example of a document pipeline on Azure Functions, deployed and used on the local cloud."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from made_files import docx, pdf
from world import eventually

from serverless_ai_local.azure import caller
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.pulumi_program import PulumiProgram

EXAMPLE = Path(__file__).parents[2] / "examples/document_pipeline_azure"
FILES = {
    "invoices/letter.pdf": pdf("Invoice number: A-17. Total: 12.50. Currency: EUR"),
    "invoices/order.docx": docx("Invoice number: B-2", "Total: 1,012", "Currency: usd"),
    "invoices/poem.txt": b"Roses are red, violets are blue.",
    "invoices/broken.pdf": pdf("Invoice number: C-3. Total: 1")[:120],
    "invoices/photo.png": b"\x89PNG\r\n\x1a\n",
    "elsewhere/d.txt": b"Invoice number: D-4. Total: 4",
}


@pytest.fixture(scope="module")
def program(cloud: RunningCloud) -> PulumiProgram:
    return PulumiProgram(cloud=cloud, program_dir=EXAMPLE, stack="dev")


def forms(program: PulumiProgram, container: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in FILES:
        status, body = caller.storage(program.cloud, "GET", f"{container}/forms/{key}.json")
        if status == 200:
            found[key] = json.loads(body)["output"]
    return found


def letters(program: PulumiProgram, queue: str) -> list[dict[str, Any]]:
    """Dead letters, which stay where they are."""
    _, body = caller.storage(program.cloud, "GET", f"{queue}/messages?peekonly=true&numofmessages=32")
    texts = [one.findtext("MessageText") or "" for one in ElementTree.fromstring(body.decode("utf-8-sig"))]
    return [json.loads(base64.b64decode(text)) for text in texts]


@pytest.mark.row("exercise-02")
def test_invoices_become_forms_and_what_is_none_says_why(program: PulumiProgram) -> None:
    outputs = {name: str(value) for name, value in program.up().outputs.items()}
    headers = {"x-ms-blob-type": "BlockBlob"}
    for key, body in FILES.items():
        url = f"{outputs['uploads']}/{key}"
        assert caller.storage(program.cloud, "PUT", url, body, headers)[0] == 201
    found = eventually(
        lambda: (
            now
            if len(now := forms(program, outputs["results"])) == 2
            and len(letters(program, outputs["dead_letters"])) == 2
            else None
        ),
        within=120,
        what="two forms and two dead letters",
    )
    assert found == {
        "invoices/letter.pdf": {"invoice_number": "A-17", "total": 12.5, "currency": "EUR"},
        "invoices/order.docx": {"invoice_number": "B-2", "total": 1012, "currency": "USD"},
    }
    reasons = {one["code"]: one["reason"] for one in letters(program, outputs["dead_letters"])}
    assert reasons.keys() == {"InvalidOutput", "damaged_document"}
    assert "invoice_number is missing" in reasons["InvalidOutput"]
    assert program.destroy().steps
