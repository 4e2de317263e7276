"""`serverless-ai run rag`: a document is uploaded, and a question about it answered with a citation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from serverless_ai_local.ask import AskError, signed, with_token
from serverless_ai_local.azure import caller as azure
from serverless_ai_local.commands.buckets import bucket_of
from serverless_ai_local.gcp import caller as google
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.models.words import split

KEY: Final = "notes/note.txt"
WITHIN_S: Final = 60.0


def answer_one(
    console: Console, cloud: RunningCloud, target: str, outputs: Mapping[str, str], text: str
) -> None:
    """Upload what `text` says and ask what it asks. Raises `AskError` if no answer comes."""
    question, document = _parts(text)
    console.print(f"\nUpload of {KEY} into {outputs['documents']}", highlight=False)
    console.print(f"  [bold]document[/]  {escape(document)}", highlight=False)
    started = time.monotonic()
    bucket_of(target, cloud).put(outputs["documents"], KEY, document.encode())
    url = f"{outputs['endpoint']}/ask"
    console.print(f"POST {url}", highlight=False)
    console.print(f"  [bold]question[/]  {escape(question)}", highlight=False)
    reply = _awaited(_asking(cloud, target, outputs["endpoint"]), question)
    console.print(f"  [bold]answer[/]    {escape(reply['answer'])}", highlight=False)
    for citation in reply["citations"]:
        console.print(f"  [bold]citation[/]  {escape(json.dumps(citation))}", highlight=False)
    tokens = sum(reply["usage"].values())
    console.print(
        f"  [dim]{tokens} tokens, {time.monotonic() - started:.1f} s from the upload to the answer[/]\n",
        highlight=False,
    )


def _parts(text: str) -> tuple[str, str]:
    """The question, and what is said beside it."""
    sentences = split(text)
    asked = [one for one in sentences if one.endswith("?")]
    said = [one for one in sentences if one not in asked]
    if not asked or not said:
        raise AskError("--ask must hold a question and a sentence that answers it, which is the document")
    return asked[0], " ".join(said)


def _asking(cloud: RunningCloud, target: str, endpoint: str) -> Callable[[str], dict[str, Any]]:
    url = f"{endpoint}/ask"
    if target == "pulumi-azure":
        return lambda question: with_token(url, {"question": question}, azure.token(cloud))
    if target == "pulumi-gcp":
        return lambda question: with_token(url, {"question": question}, google.id_token(cloud, endpoint))
    return lambda question: signed(url, {"question": question})


def _awaited(ask: Callable[[str], dict[str, Any]], question: str) -> dict[str, Any]:
    """An answer with a citation, once the document is in the index."""
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        reply = ask(question)
        if reply["citations"]:
            return reply
        time.sleep(0.3)
    raise AskError(f"nothing is cited after {WITHIN_S:.0f} s; `serverless-ai logs` may say why")
