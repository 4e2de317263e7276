"""Our token requests and error codes against google-auth and google-api-core."""

from __future__ import annotations

import json
import warnings

import pytest
from google.auth import _helpers
from google.auth.compute_engine import _metadata
from google.auth.transport.requests import Request
from google_fakes import TOKEN_PATH, Google
from memory_ports import Clock

from serverless_ai_runtime.adapters.gcp.errors import decode
from serverless_ai_runtime.adapters.gcp.identity import MARGIN_S, SCOPE, metadata_tokens
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, Unavailable
from serverless_ai_runtime.http import HttpClient, Response

with warnings.catch_warnings():  # Google's advice to upgrade Python is not a test's business
    warnings.simplefilter("ignore", FutureWarning)
    from google.api_core import exceptions
    from google.rpc.code_pb2 import Code


def test_a_token_is_asked_for_as_google_auth_does(google: Google) -> None:
    world = Clock().world()
    ours = metadata_tokens(HttpClient(world), world, google.url).get(SCOPE, Deadline(5))
    root = google.url + "/computeMetadata/v1/"
    theirs = _metadata.get(Request(), "instance/service-accounts/default/token", root=root)
    assert {ours, theirs["access_token"]} < google.tokens
    our_call, their_call = google.calls[-2:]
    assert our_call.path == their_call.path == TOKEN_PATH
    assert our_call.headers["metadata-flavor"] == their_call.headers["metadata-flavor"]


def test_a_token_is_replaced_as_early_as_by_google_auth() -> None:
    assert _helpers.REFRESH_THRESHOLD.total_seconds() == MARGIN_S


# What every code of google.rpc means here. Statuses are those of its own table.
KINDS = {
    "INVALID_ARGUMENT": Refused, "NOT_FOUND": Refused, "ALREADY_EXISTS": Refused, "OUT_OF_RANGE": Refused,
    "PERMISSION_DENIED": Refused, "FAILED_PRECONDITION": Refused, "UNIMPLEMENTED": Refused,
    "DATA_LOSS": Refused, "UNAUTHENTICATED": Refused, "RESOURCE_EXHAUSTED": Throttled, "ABORTED": Throttled,
    "CANCELLED": Unavailable, "UNKNOWN": Unavailable, "DEADLINE_EXCEEDED": Unavailable,
    "INTERNAL": Unavailable, "UNAVAILABLE": Unavailable,
}  # fmt: skip


def test_every_code_of_google_is_known() -> None:
    assert set(Code.keys()) == {"OK", *KINDS}


@pytest.mark.parametrize("code", KINDS)
def test_a_code_is_read_as_google_api_core_reads_it(code: str) -> None:
    theirs = exceptions.from_grpc_status(exceptions._INT_TO_GRPC_CODE[Code.Value(code)], "so it is")
    body = {"error": {"code": int(theirs.code or 500), "message": "so it is", "status": code}}
    ours = decode("Service", "Call", Response(400, {}, json.dumps(body).encode()))
    assert (ours.code, ours.message) == (code, "so it is")
    assert type(ours) is KINDS[code]
