"""`serverless-ai run event_pipeline`: a document is uploaded, and its result fetched."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from serverless_ai_local.ask import AskError
from serverless_ai_local.azure import caller as azure
from serverless_ai_local.gcp import caller as google
from serverless_ai_local.launch import RunningCloud

KEY: Final = "incoming/note.txt"
RESULT: Final = f"results/{KEY}.json"
WITHIN_S: Final = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Buckets:
    """How the two buckets of a deployed pipeline are reached."""

    put: Callable[[bytes], None]
    """Upload the document."""
    result: Callable[[], bytes | None]
    """The result, once it is there."""


def process_one(
    console: Console, cloud: RunningCloud, target: str, outputs: Mapping[str, str], text: str
) -> None:
    """Upload a document that says `text` and print what came of it. Raises `AskError` if nothing does."""
    buckets = {"pulumi-azure": on_azure, "pulumi-gcp": on_google}.get(target, on_aws)(cloud, outputs)
    console.print(f"\nUpload of {KEY} into {outputs['uploads']}", highlight=False)
    console.print(f"  [bold]document[/]  {escape(text)}", highlight=False)
    started = time.monotonic()
    buckets.put(text.encode())
    result = _awaited(buckets)
    console.print(f"  [bold]result[/]    {escape(json.dumps(result['output']))}", highlight=False)
    usage = result["usage"]
    tokens = usage["input_tokens"] + usage["output_tokens"]
    console.print(
        f"  [dim]{RESULT} in {outputs['results']}; {usage['model']}, {tokens} tokens,"
        f" {time.monotonic() - started:.1f} s, the first document[/]\n",
        highlight=False,
    )


def _awaited(buckets: Buckets) -> dict[str, Any]:
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end:
        found = buckets.result()
        if found is not None:
            return json.loads(found)
        time.sleep(0.1)
    raise AskError(f"there is no result after {WITHIN_S:.0f} s; `serverless-ai logs` may say why")


def on_aws(cloud: RunningCloud, outputs: Mapping[str, str]) -> Buckets:
    """Through boto3, signed as anywhere."""
    s3 = cloud.client("s3")

    def put(body: bytes) -> None:
        s3.put_object(Bucket=outputs["uploads"], Key=KEY, Body=body, ContentType="text/plain; charset=utf-8")

    def result() -> bytes | None:
        try:
            return s3.get_object(Bucket=outputs["results"], Key=RESULT)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None

    return Buckets(put=put, result=result)


def on_azure(cloud: RunningCloud, outputs: Mapping[str, str]) -> Buckets:
    """By the Blob REST API, as whoever deploys; outputs are the containers' URLs."""

    def put(body: bytes) -> None:
        headers = {"x-ms-blob-type": "BlockBlob", "content-type": "text/plain; charset=utf-8"}
        status, _ = azure.storage(cloud, "PUT", f"{outputs['uploads']}/{KEY}", body, headers)
        if status != 201:
            raise AskError(f"the upload was refused with {status}")

    def result() -> bytes | None:
        status, body = azure.storage(cloud, "GET", f"{outputs['results']}/{RESULT}")
        return body if status == 200 else None

    return Buckets(put=put, result=result)


def on_google(cloud: RunningCloud, outputs: Mapping[str, str]) -> Buckets:
    """By the JSON API of Cloud Storage, as whoever deploys."""

    def put(body: bytes) -> None:
        status, _ = google.upload(cloud, outputs["uploads"], KEY, body)
        if status != 200:
            raise AskError(f"the upload was refused with {status}")

    def result() -> bytes | None:
        status, body = google.download(cloud, outputs["results"], RESULT)
        return body if status == 200 else None

    return Buckets(put=put, result=result)
