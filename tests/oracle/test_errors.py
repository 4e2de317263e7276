"""Our reading of error responses against botocore's parsers and retry rules."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
from botocore.parsers import JSONParser, RestJSONParser
from botocore.retries.standard import ThrottledRetryableChecker
from hypothesis import given, settings
from hypothesis import strategies as st

from serverless_ai_runtime.adapters.aws.errors import ConditionFailed, classify, decode
from serverless_ai_runtime.core.ports import Refused, ServiceError, Throttled, Unavailable
from serverless_ai_runtime.http import Response

CODES = st.sampled_from(
    ["ThrottlingException", "ValidationException", "com.amazon.coral#AccessDeniedException", "A#B#C",
     "ResourceNotFoundException:http://internal.amazon.com/coral/", "a:b#c", "", ":", "#", "Ünïcode"]
)  # fmt: skip
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "x-amzn-errortype": CODES,
        "x-amzn-requestid": st.just("r1"),
        "x-amzn-query-error": st.sampled_from(
            [
                "AWS.SimpleQueueService.NonExistentQueue;Sender",
                "Throttled;Receiver",
                "broken",
                ";Sender",
                "a;b;c",
            ]
        ),
    },
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "__type": CODES,
        "code": CODES,
        "Code": CODES,
        "message": st.text(),
        "Message": st.text(),
        "Item": st.just({"pk": {"S": "a"}}),
    },
)
STATUSES = st.sampled_from([400, 403, 404, 408, 409, 413, 424, 429, 500, 502, 503, 504])


def as_bytes(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


# botocore takes a 5xx without a body, or with HTML in it, for a proxy's; that is not the services' protocol.
TEXTS = st.text().filter(lambda text: bool(text.strip()) and not text.strip().startswith("<html>"))


@settings(max_examples=500)
@given(STATUSES, HEADERS, BODIES, st.booleans())
def test_code_and_message_equal_botocores(
    status: int, headers: dict[str, str], body: dict[str, Any], rest: bool
) -> None:
    assert_same(status, headers, as_bytes(body), rest=rest)


@given(STATUSES, HEADERS, TEXTS, st.booleans())
def test_a_body_that_is_no_json_is_the_message(
    status: int, headers: dict[str, str], text: str, rest: bool
) -> None:
    try:
        json.loads(text)
    except ValueError:
        assert_same(status, headers, text.encode(), rest=rest)


def assert_same(status: int, headers: dict[str, str], body: bytes, *, rest: bool) -> None:
    parser = (RestJSONParser if rest else JSONParser)()
    theirs = parser.parse({"status_code": status, "headers": headers, "body": body}, None)["Error"]
    ours = decode("Service", "Call", Response(status, headers, body), rest=rest)
    assert (ours.code, ours.message, ours.status) == (theirs["Code"], theirs["Message"], status)


@given(STATUSES, st.binary(), st.booleans())
def test_any_body_makes_a_service_error(status: int, body: bytes, rest: bool) -> None:
    assert isinstance(decode("Service", "Call", Response(status, {}, body), rest=rest), ServiceError)


@pytest.mark.parametrize("body", [b"[1]", b"null", b'"text"', b"[" * 100_000, b'{"message": 5, "__type": 7}'])
def test_json_of_another_shape_makes_a_service_error(body: bytes) -> None:
    for rest in (True, False):
        error = decode("Service", "Call", Response(400, {}, body), rest=rest)
        assert isinstance(error, Refused)
        assert len(error.message) <= 500


@pytest.mark.parametrize("code", vars(ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"])
def test_what_botocore_takes_for_throttling_is_throttling(code: str) -> None:
    assert isinstance(classify("Service", "Call", 400, code, ""), Throttled)


BEDROCK = {
    "AccessDeniedException": Refused,
    "InternalServerException": Unavailable,
    "ModelErrorException": Unavailable,
    "ModelNotReadyException": Throttled,
    "ModelStreamErrorException": Unavailable,
    "ModelTimeoutException": Unavailable,
    "ResourceNotFoundException": Refused,
    "ServiceUnavailableException": Unavailable,
    "ThrottlingException": Throttled,
    "ValidationException": Refused,
}


def test_every_error_of_converse_is_known() -> None:
    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    shapes = [
        *model.operation_model("Converse").error_shapes,
        *model.operation_model("ConverseStream").error_shapes,
    ]
    assert {shape.name for shape in shapes} <= set(BEDROCK)
    for shape in shapes:
        status = shape.metadata["error"]["httpStatusCode"]
        assert type(classify("Bedrock", "Converse", status, shape.name, "")) is BEDROCK[shape.name]
        assert type(classify("Bedrock", "ConverseStream", 0, shape.name, "")) is BEDROCK[shape.name]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_failing_service_is_unavailable_whatever_it_says(status: int) -> None:
    assert isinstance(classify("Service", "Call", status, str(status), ""), Unavailable)


def test_a_lost_condition_carries_what_is_there_instead() -> None:
    item = {"pk": {"S": "a"}}
    body = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": item}
    error = decode("DynamoDB", "PutItem", Response(400, {}, as_bytes(body)), rest=False)
    assert isinstance(error, ConditionFailed)
    assert error.item == item
