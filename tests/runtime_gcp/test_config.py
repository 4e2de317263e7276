"""Names and addresses on Google Cloud: what is allowed, and which variable is named if it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_patterns.gcp import events, function_llm, policy
from serverless_ai_runtime import config
from serverless_ai_runtime.adapters.gcp import firestore, pubsub, vertex
from serverless_ai_runtime.config import ConfigError, GcpConfig
from serverless_ai_runtime.entrypoints import gcp_functions


def test_without_variables_the_services_are_googles() -> None:
    assert config.gcp({}) == GcpConfig(
        metadata="http://metadata.google.internal",
        firestore="https://firestore.googleapis.com",
        pubsub="https://pubsub.googleapis.com",
        storage="https://storage.googleapis.com",
        vertex="",
        ai="",
    )


def test_vector_search_is_where_its_variable_says() -> None:
    assert config.gcp({}).vector_search == "https://vectorsearch.googleapis.com"
    moved = config.gcp({"SERVERLESS_AI_VECTOR_SEARCH_ENDPOINT": "http://127.0.0.1:7/"})
    assert moved.vector_search == "http://127.0.0.1:7"
    with pytest.raises(ConfigError, match="SERVERLESS_AI_VECTOR_SEARCH_ENDPOINT"):
        config.gcp({"SERVERLESS_AI_VECTOR_SEARCH_ENDPOINT": "http://example.com"})


def test_the_official_variables_move_them() -> None:
    env = {
        "GCE_METADATA_HOST": "127.0.0.1:1",
        "FIRESTORE_EMULATOR_HOST": "localhost:2",
        "PUBSUB_EMULATOR_HOST": "cloud.localhost:3",
        "STORAGE_EMULATOR_HOST": "http://localhost:5",
        "SERVERLESS_AI_VERTEX_ENDPOINT": "http://127.0.0.1:4/",
        "SERVERLESS_AI_GOOGLE_AI_ENDPOINT": "http://127.0.0.1:6/",
    }
    assert config.gcp(env) == GcpConfig(
        "http://127.0.0.1:1",
        "http://localhost:2",
        "http://cloud.localhost:3",
        "http://localhost:5",
        "http://127.0.0.1:4",
        "http://127.0.0.1:6",
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FIRESTORE_EMULATOR_HOST", "firestore.example.com:80"),
        ("PUBSUB_EMULATOR_HOST", "http://127.0.0.1:3"),
        ("STORAGE_EMULATOR_HOST", "http://storage.example.com"),
        ("STORAGE_EMULATOR_HOST", "127.0.0.1:5"),
        ("SERVERLESS_AI_VERTEX_ENDPOINT", "http://vertex.example.com"),
        ("SERVERLESS_AI_VERTEX_ENDPOINT", "127.0.0.1:4"),
        ("SERVERLESS_AI_GOOGLE_AI_ENDPOINT", "http://vision.example.com"),
    ],
)
def test_a_token_never_travels_in_clear(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{variable} must be an https:// URL"):
        config.gcp({variable: value})


STORE = ("projects", "databases", "documents")


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("projects/p-1/topics/results", ("projects", "topics")),
        ("projects/example.com:p/locations/europe-west1", ("projects", "locations")),
        ("projects/p/databases/(default)/documents/records", STORE),
        ("projects/p/databases/chat/documents/records", STORE),
    ],
)
def test_a_name_of_google_is_taken(name: str, kinds: tuple[str, ...]) -> None:
    assert config.gcp_name("store", name, *kinds) == name


@pytest.mark.parametrize(
    "name",
    [
        "", "/", "projects", "projects/p", "projects//databases/d/documents/c", "projects/p/databases/d",
        "/projects/p/databases/d/documents/c", "projects/p/databases/d/documents/c/",
        "projects/p/databases/d/documents/c/d", "projects/p/tables/d/documents/c",
        "projects/p?x=/databases/d/documents/c", "projects/p/databases/d#/documents/c",
        "projects/p/databases/d d/documents/c", "projects/p/databases/ä/documents/c",
        "projects/p/databases/d\r\n/documents/c", "projects/p/databases/%2e/documents/c",
        "projects/p/databases/../documents/c", "projects/p/databases/d/documents/.",
    ],
)  # fmt: skip
def test_anything_else_is_an_error_naming_its_variable(name: str) -> None:
    allowed = r"SERVERLESS_AI_STORE must be like projects/P/databases/D/documents/D"
    with pytest.raises(ConfigError, match=allowed):
        config.gcp_name("store", name, *STORE)


@given(st.text())
def test_no_text_gets_into_a_url_that_would_change_it(text: str) -> None:
    try:
        name = config.gcp_name("destination", f"projects/{text}/topics/t", "projects", "topics")
    except ConfigError:
        return
    assert not set(name) & set("?#% \r\n\\@")
    assert name.count("/") == 3
    assert not {"", ".", ".."} & set(name.split("/"))


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west1", "europe-west1-aiplatform.googleapis.com"),
    ],
)
def test_a_model_is_asked_where_its_location_is(location: str, host: str) -> None:
    cloud: object = None
    service = vertex.vertex_service(cloud, f"projects/p/locations/{location}")  # pyright: ignore
    assert service.url == f"https://{host}"
    moved = vertex.vertex_service(cloud, f"projects/p/locations/{location}", "http://127.0.0.1:1")  # pyright: ignore
    assert moved.url == "http://127.0.0.1:1"


def test_infrastructure_and_function_agree() -> None:
    assert events.PATH == gcp_functions.EVENTS
    assert policy.PREDICT == vertex.PERMISSIONS
    assert sorted(policy.RECORDS) == sorted(firestore.PERMISSIONS)
    assert pubsub.PERMISSIONS == ("pubsub.topics.publish",)
    assert config.gcp_name("store", function_llm.store("p", "(default)"), *STORE)


def test_a_functions_name_is_its_services() -> None:
    assert config.function_name({"K_SERVICE": "chat"}) == "chat"
