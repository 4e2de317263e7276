"""Our Blob and Queue Storage against Azurite, Microsoft's emulator: the same SDK calls, the same answers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobServiceClient, ContainerClient, ContentSettings
from azure.storage.queue import QueueClient, QueueServiceClient
from loopback import free_port
from storage_sdk import AUDIENCE, Authorise

from serverless_ai_patterns.azure import roles

AZURITE = Path(__file__).parents[2] / "node_modules/.bin/azurite"
# Both are published: everybody's Azurite has this account and this key.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Storage(NamedTuple):
    """One container and one queue of one implementation."""

    container: ContainerClient
    queue: QueueClient


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    blobs, queues = free_port(), free_port()
    command = [
        str(AZURITE),
        "--silent",
        "--inMemoryPersistence",
        "--disableTelemetry",
        "--skipApiVersionCheck",
    ]
    command += [f"--blobPort={blobs}", f"--queuePort={queues}", f"--tablePort={free_port()}"]
    folder = tmp_path_factory.mktemp("azurite")
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, "HOME": str(folder)})
    credential = {"account_name": ACCOUNT, "account_key": KEY}
    container = BlobServiceClient(
        f"http://127.0.0.1:{blobs}/{ACCOUNT}", credential, retry_total=0
    ).get_container_client("box")
    queue = QueueServiceClient(
        f"http://127.0.0.1:{queues}/{ACCOUNT}", credential, retry_total=0
    ).get_queue_client("work")
    try:
        until(container.create_container)
        until(queue.create_queue)
        yield Storage(container, queue)
    finally:
        process.terminate()
        process.wait(20)


def until(make: Callable[[], Any]) -> None:
    """Once the server listens."""
    end = time.monotonic() + 60
    while True:
        try:
            make()
        except AzureError:
            assert time.monotonic() < end
            time.sleep(0.2)
        else:
            return


@pytest.fixture(scope="module")
def ours(subscription: Any) -> Storage:
    """Of a principal that may do everything with the container and the queue."""
    account = subscription.make("storage:StorageAccount", kind="StorageV2")
    container = subscription.make("storage:BlobContainer", accountName=account.name)
    queue = subscription.make("storage:Queue", accountName=account.name)
    who = "0f5c2f5e-0000-4000-8000-00000000a2e1"
    subscription.grant(who, roles.WRITE_BLOBS, container)
    subscription.grant(who, roles.USE_QUEUE, queue)
    transport = Authorise(subscription.token(AUDIENCE, who))
    key = {"account_name": account.name, "account_key": "a2V5"}
    urls = {kind: url.rstrip("/") for kind, url in account.outputs["primaryEndpoints"].items()}
    return Storage(
        ContainerClient(urls["blob"], container.name, key, transport=transport, retry_total=0),
        QueueClient(urls["queue"], queue.name, key, transport=transport, retry_total=0),
    )


def seen(call: Callable[[], Any]) -> Any:
    """What a call gave, or how it was refused: status and code."""
    try:
        return call()
    except HttpResponseError as error:
        return error.status_code, str(getattr(error, "error_code", "") or "")


def stored_and_read(storage: Storage) -> Any:
    blob = storage.container.get_blob_client("in/report.txt")
    kind = ContentSettings(content_type="text/plain; charset=utf-8")
    blob.upload_blob(b"seven words", metadata={"order": "0017"}, content_settings=kind, overwrite=True)
    read = blob.download_blob()
    about = read.properties
    return read.readall(), about.content_settings.content_type, dict(about.metadata), about.size


def names_are_any_text(storage: Storage) -> Any:
    names = ["a b.txt", "50%.txt", "no#1.txt", "q?&=+.txt", "grüße/日本.txt", "🎈.txt", "it's.txt"]
    for name in names:
        storage.container.upload_blob(f"names/{name}", name.encode(), overwrite=True)
    return [storage.container.download_blob(f"names/{name}").readall().decode() for name in names]


def written_under_conditions(storage: Storage) -> Any:
    blob = storage.container.get_blob_client("conditions.txt")
    first = blob.upload_blob(b"1", overwrite=True)["etag"]
    second = blob.upload_blob(b"2", overwrite=True)["etag"]

    def write(etag: str) -> bool:
        unchanged = MatchConditions.IfNotModified
        return bool(blob.upload_blob(b"3", overwrite=True, etag=etag, match_condition=unchanged))

    return (
        first != second,
        seen(lambda: blob.upload_blob(b"new")),
        seen(lambda: write(first)),
        seen(lambda: write(second)),
        seen(lambda: write('"0x8DEADBEEF"')),
        blob.download_blob().readall(),
    )


def read_under_conditions(storage: Storage) -> Any:
    blob = storage.container.get_blob_client("version.txt")
    old = blob.upload_blob(b"1", overwrite=True)["etag"]
    new = blob.upload_blob(b"2", overwrite=True)["etag"]

    def read(etag: str) -> bytes:
        return blob.download_blob(etag=etag, match_condition=MatchConditions.IfNotModified).readall()

    return seen(lambda: read(old)), seen(lambda: read(new))


def what_is_missing(storage: Storage) -> Any:
    blob = storage.container.get_blob_client("nothing")
    return (
        seen(lambda: blob.download_blob().readall()),
        seen(lambda: blob.get_blob_properties().size),
        seen(blob.delete_blob),
        blob.exists(),
    )


def deleted(storage: Storage) -> Any:
    blob = storage.container.get_blob_client("short-lived")
    blob.upload_blob(b"x", overwrite=True)
    blob.delete_blob()
    return blob.exists(), seen(lambda: blob.download_blob().readall())


def listed(storage: Storage) -> Any:
    for name in ("list/b", "list/a", "other/c"):
        storage.container.upload_blob(name, b"12345", overwrite=True)
    return [(blob.name, blob.size) for blob in storage.container.list_blobs(name_starts_with="list/")]


def hidden_and_seen_again(storage: Storage) -> Any:
    queue = empty(storage)
    queue.send_message("one & <two>")
    first = queue.receive_message(visibility_timeout=1)
    none = queue.receive_message()
    time.sleep(1.2)
    second = queue.receive_message(visibility_timeout=30)
    same = first.id == second.id and first.pop_receipt != second.pop_receipt
    return first.content, first.dequeue_count, none, second.dequeue_count, same


def receipts_that_are_out_of_date(storage: Storage) -> Any:
    queue = empty(storage)
    queue.send_message("a")
    first = queue.receive_message(visibility_timeout=1)
    time.sleep(1.2)
    second = queue.receive_message(visibility_timeout=30)
    return (
        seen(lambda: queue.delete_message(first.id, first.pop_receipt)),
        seen(lambda: queue.delete_message(second.id, second.pop_receipt)),
        seen(lambda: queue.delete_message(second.id, second.pop_receipt)),
    )


def a_message_is_given_back_early(storage: Storage) -> Any:
    queue = empty(storage)
    queue.send_message("again")
    held = queue.receive_message(visibility_timeout=300)
    queue.update_message(held.id, held.pop_receipt, visibility_timeout=0)
    back = queue.receive_message()
    return back.content, back.dequeue_count


def a_delay(storage: Storage) -> Any:
    queue = empty(storage)
    queue.send_message("later", visibility_timeout=1)
    before = queue.receive_message()
    time.sleep(1.2)
    return before, queue.receive_message().content


def too_much(storage: Storage) -> Any:
    queue = empty(storage)
    return seen(lambda: queue.send_message("x" * 70_000)), seen(queue.receive_message)


def counted(storage: Storage) -> Any:
    queue = empty(storage)
    for number in range(3):
        queue.send_message(str(number))
    count = queue.get_queue_properties().approximate_message_count
    return count, [message.content for message in queue.receive_messages(max_messages=3)]


def empty(storage: Storage) -> QueueClient:
    storage.queue.clear_messages()
    return storage.queue


SCRIPTS: Mapping[str, Callable[[Storage], Any]] = {
    each.__name__: each
    for each in (
        *(stored_and_read, names_are_any_text, written_under_conditions, read_under_conditions),
        *(what_is_missing, deleted, listed, hidden_and_seen_again, receipts_that_are_out_of_date),
        *(a_message_is_given_back_early, a_delay, too_much, counted),
    )
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_we_answer_as_azurite_does(script: str, azurite: Storage, ours: Storage) -> None:
    assert SCRIPTS[script](ours) == SCRIPTS[script](azurite)
