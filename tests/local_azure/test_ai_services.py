"""The local AI services of Azure as the pipeline's own adapters use them, over a reader of the test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import pytest
from ai_items import OPTIONS, completed, file, text
from azure_app import PIPELINE
from memory_ports import Clock
from word_reader import Words

from serverless_ai_local.aws.iam.ledger import Ledger
from serverless_ai_local.azure.access import Access
from serverless_ai_local.azure.ai_services import AiServices
from serverless_ai_local.azure.blobs import Blobs
from serverless_ai_local.azure.calls import read
from serverless_ai_local.azure.entra import Entra
from serverless_ai_local.azure.estate import Estate, Resource
from serverless_ai_local.azure.foundry import Foundry
from serverless_ai_local.http_server import Server, sent
from serverless_ai_patterns.azure import roles
from serverless_ai_runtime.adapters.azure import ai
from serverless_ai_runtime.adapters.azure import service as azure
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.event_pipeline.ports import Source, Unprocessable
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.http import HttpClient
from serverless_ai_runtime.wiring import WORLD

WHO, SERVICE = "0f5c2f5e-0000-4000-8000-00000000a2e1", "0f5c2f5e-0000-4000-8000-00000000a2e2"
DOCS, CONTAINER = "/subscriptions/s/storage/docs", "/subscriptions/s/storage/docs/containers/uploads"


class Tokens:
    def __init__(self, entra: Entra, who: str) -> None:
        self._entra, self._who = entra, who

    def get(self, resource: str, deadline: Deadline) -> str:
        return self._entra.principal_token(self._who, resource)

    def drop(self, resource: str, text: str) -> None:
        """There is a new one each time."""


class World(NamedTuple):
    url: str
    estate: Estate
    entra: Entra
    blobs: Blobs

    def grant(self, who: str, role: roles.Role, scope: str) -> None:
        inputs = {"principalId": who, "scope": scope, "roleDefinitionId": f"/x/{role.id}"}
        id_ = f"{scope}/roleAssignments/{who}"
        self.estate.put(
            Resource(id=id_, kind="authorization:RoleAssignment", name=who, inputs=inputs, outputs={})
        )

    def service(self, purpose: str) -> Any:
        settings = PIPELINE._replace(
            processor=purpose, options=json.dumps(OPTIONS[purpose]), objects=f"{self.url}/blob/docs"
        )
        cloud = azure.azure(HttpClient(WORLD), Clock().world(), Tokens(self.entra, WHO))
        return ai.make(settings, Service(cloud, "AiServices", f"{self.url}/foundry/acct", ai.RESOURCE))

    def analyse(self, purpose: str, source: Source) -> Any:
        return completed(self.service(purpose), source)

    def file(self, name: str, content: bytes) -> Source:
        self.blobs.put(CONTAINER, f"in/{name}", content)
        return file(name, content)


@pytest.fixture
def world() -> Iterator[World]:
    estate, entra = Estate(), Entra()
    access = Access(estate, entra, Ledger())
    blobs = Blobs(estate, access)
    server = Server("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    services = AiServices(estate, access, blobs, Words())
    foundry = Foundry(estate, access, cast("Any", None), services)

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        return foundry(read(sent(environ), "/foundry/", "127.0.0.1"))(environ, start_response)

    server.application = application
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    for id_, kind, name, outputs in (
        (DOCS, "storage:StorageAccount", "docs", {}),
        (CONTAINER, "storage:BlobContainer", "uploads", {}),
        (
            "/subscriptions/s/accounts/acct",
            "cognitiveservices:Account",
            "acct",
            {
                "properties": {"endpoint": f"{url}/foundry/acct/"},
                "identity": {"principalId": SERVICE},
            },
        ),
    ):
        estate.put(Resource(id=id_, kind=kind, name=name, inputs={}, outputs=outputs))
    made = World(url, estate, entra, blobs)
    made.grant(WHO, roles.USE_AI, "/subscriptions/s/accounts/acct")
    yield made
    server.shutdown()
    server.server_close()


def test_a_scan_is_read_by_page(world: World) -> None:
    assert world.analyse("ocr", world.file("a.pdf", b"Invoice\nA-17\fTotal")) == {
        "text": "Invoice\nA-17\n\nTotal",
        "pages": [{"page": 1, "text": "Invoice\nA-17"}, {"page": 2, "text": "Total"}],
    }


def test_a_damaged_scan_is_final_with_the_reason(world: World) -> None:
    with pytest.raises(Unprocessable, match="InvalidContent: this is not text"):
        world.analyse("ocr", world.file("a.pdf", b"\xff\xfe\xff"))


def test_an_image_has_the_tags_that_are_in_it(world: World) -> None:
    found = world.analyse("image_labels", world.file("a.png", b"labels: cat dog"))
    assert found == {"labels": [{"name": "cat", "confidence": 0.9}]}
    with pytest.raises(Unprocessable, match="this is not text"):
        world.analyse("image_labels", world.file("a.png", b"\xff"))


def test_unfit_text_and_images_are_told_from_others(world: World) -> None:
    violent = {"flagged": True, "categories": [{"name": "Violence", "score": 0.8571}]}
    assert world.analyse("moderate", text("I will stab it")) == violent
    assert world.analyse("moderate", text("I will stop it")) == {"flagged": False, "categories": []}
    found = world.analyse("moderate", world.file("a.png", b"harm: Hate"))
    assert found == {"flagged": True, "categories": [{"name": "Hate", "score": 0.8571}]}


def test_entities_of_a_text(world: World) -> None:
    assert world.analyse("entities", text("then Ada met Charles")) == {
        "entities": [
            {"type": "Person", "text": "Ada", "score": 0.8},
            {"type": "Person", "text": "Charles", "score": 0.8},
        ]
    }


def test_the_service_reads_audio_as_its_own_identity(world: World) -> None:
    source = world.file("a talk.wav", b"says: hello there")
    with pytest.raises(Unprocessable, match="cannot be read"):
        world.analyse("transcribe", source)
    world.grant(SERVICE, roles.READ_BLOBS, CONTAINER)
    assert world.analyse("transcribe", source) == {"text": "hello there", "language": "en-US"}
    with pytest.raises(Unprocessable, match="this is not text"):
        world.analyse("transcribe", world.file("b.wav", b"\xff"))


@pytest.mark.parametrize("purpose", OPTIONS)
def test_without_its_role_no_service_answers(world: World, purpose: str) -> None:
    world.estate.remove(f"/subscriptions/s/accounts/acct/roleAssignments/{WHO}")
    source = text("hello") if purpose in ("moderate", "entities") else world.file("a.wav", b"x")
    with pytest.raises(Refused, match="PermissionDenied"):
        world.service(purpose).analyse(source, Deadline(5))


def test_a_transcription_is_for_who_has_its_signature(world: World) -> None:
    world.grant(SERVICE, roles.READ_BLOBS, CONTAINER)
    started = world.service("transcribe").analyse(world.file("a.wav", b"says: secret"), Deadline(5))
    service = world.service("transcribe")._service
    path = f"/speechtotext/transcriptions/{started.handle}/content?sig=guessed"
    with pytest.raises(Refused, match="Signature did not match"):
        service.call("GetFile", "GET", path, Deadline(5), headers=dict)
