"""Whatever arrives as a body becomes a request, or an error that names the field and what is allowed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serverless_ai_runtime.core.replies import failure
from serverless_ai_runtime.core.requests import (
    MAX_BODY_BYTES,
    MAX_MESSAGE_CHARS,
    ChatRequest,
    InvalidRequest,
    parse_chat,
)

SESSION = "0123456789abcdef0123456789abcdef"


def refused(body: bytes | dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse_chat(body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value


def test_a_message_and_a_session_are_taken_as_they_are() -> None:
    assert parse_chat(b'{"message": " hi\\n"}') == ChatRequest(" hi\n", None)
    body = json.dumps({"session_id": SESSION, "message": "ö漢🙂\u0000"}).encode()
    assert parse_chat(body) == ChatRequest("ö漢🙂\u0000", SESSION)
    assert parse_chat(b'{"message": "hi", "session_id": null}').session_id is None


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        (b"", "body", "JSON"),
        (b"{", "body", "JSON"),
        (b'{"message": "a"} x', "body", "JSON"),
        (b"\xef\xbb\xbf{}", "body", "JSON"),
        (b'{"message": "\xff"}', "body", "UTF-8"),
        (b"null", "body", "object"),
        (b"[" * 60_000, "body", "JSON"),
        (b'{"message": ' + b"9" * 5000 + b"}", "body", "JSON"),
        (b'{"message": "a", "message": "b"}', "message", "twice"),
        (b"{}", "message", str(MAX_MESSAGE_CHARS)),
        ({"message": None}, "message", "string"),
        ({"message": True}, "message", "boolean"),
        ({"message": {"text": "a"}}, "message", "string"),
        (b'{"message": NaN}', "message", "number"),
        ({"message": ""}, "message", str(MAX_MESSAGE_CHARS)),
        ({"message": "\u2003\n\t "}, "message", "white space"),
        ({"message": "x" * (MAX_MESSAGE_CHARS + 1)}, "message", str(MAX_MESSAGE_CHARS)),
        (b'{"message": "\\ud800"}', "message", "Unicode"),
        ({"message": "x" * MAX_BODY_BYTES}, "body", str(MAX_BODY_BYTES)),
        ({"message": "a", "session_id": 7}, "session_id", "string"),
        ({"message": "a", "session_id": ""}, "session_id", "32 hexadecimal"),
        ({"message": "a", "session_id": SESSION.upper()}, "session_id", "32 hexadecimal"),
        ({"message": "a", "session_id": SESSION[:-1] + "\n"}, "session_id", "32 hexadecimal"),
        ({"message": "a", "session_id": SESSION[:-1] + "٣"}, "session_id", "32 hexadecimal"),
        ({"message": "a", "Message": "b"}, "Message", "message, session_id"),
        ({"message": "a", "": 1}, "(empty)", "message, session_id"),
        ({"message": "a", "\r\nset-cookie": 1}, "\\r\\nset-cookie", "message, session_id"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bad_input_names_the_field_and_what_is_allowed(
    body: bytes | dict[str, Any], field: str, allowed: str
) -> None:
    error = refused(body)
    assert error.field == field
    assert allowed in error.message


def test_the_longest_allowed_message_passes() -> None:
    message = "x" * MAX_MESSAGE_CHARS
    assert parse_chat(json.dumps({"message": message}).encode()).message == message


def test_the_largest_allowed_body_passes_and_one_byte_more_does_not() -> None:
    body = b'{"message": "hi"}'
    assert parse_chat(body + b" " * (MAX_BODY_BYTES - len(body))).message == "hi"
    assert refused(body + b" " * (MAX_BODY_BYTES + 1 - len(body))).field == "body"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NEARLY = st.dictionaries(st.sampled_from(["message", "session_id", "message ", "x"]), JSON)


@given(
    st.binary() | st.text().map(str.encode) | (JSON | NEARLY).map(lambda value: json.dumps(value).encode())
)
@example(b'{"message":"\\udfff"}')
def test_no_body_makes_the_parser_fail_otherwise(body: bytes) -> None:
    try:
        request = parse_chat(body)
    except InvalidRequest as error:
        reply = failure(error)
        assert reply.status == 400
        assert reply.body["error"]["field"]
        assert reply.body["error"]["message"]
        json.dumps(reply.body).encode()
    else:
        assert request.message.strip()
        assert request.message.encode()
        assert request.session_id is None or len(request.session_id) == 32
