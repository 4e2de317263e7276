"""`serverless-ai run event_pipeline`: a document is uploaded, and its result fetched."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from serverless_ai_local.ask import AskError
from serverless_ai_local.commands.buckets import bucket_of
from serverless_ai_local.launch import RunningCloud

KEY: Final = "incoming/note.txt"
RESULT: Final = f"results/{KEY}.json"
WITHIN_S: Final = 60.0


def process_one(
    console: Console, cloud: RunningCloud, target: str, outputs: Mapping[str, str], text: str
) -> None:
    """Upload a document that says `text` and print what came of it. Raises `AskError` if nothing does."""
    reach = bucket_of(target, cloud)
    console.print(f"\nUpload of {KEY} into {outputs['uploads']}", highlight=False)
    console.print(f"  [bold]document[/]  {escape(text)}", highlight=False)
    started = time.monotonic()
    reach.put(outputs["uploads"], KEY, text.encode())
    result = _awaited(lambda: reach.get(outputs["results"], RESULT))
    console.print(f"  [bold]result[/]    {escape(json.dumps(result['output']))}", highlight=False)
    usage = result["usage"]
    tokens = usage["input_tokens"] + usage["output_tokens"]
    console.print(
        f"  [dim]{RESULT} in {outputs['results']}; {usage['model']}, {tokens} tokens,"
        f" {time.monotonic() - started:.1f} s, the first document[/]\n",
        highlight=False,
    )


def _awaited(look: Callable[[], bytes | None]) -> dict[str, Any]:
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return json.loads(found)
        time.sleep(0.1)
    raise AskError(f"there is no result after {WITHIN_S:.0f} s; `serverless-ai logs` may say why")
