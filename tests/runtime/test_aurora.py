"""Aurora's Data API under pgvector: what it is asked, within its limits, and what its answers mean."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback, reply
from memory_ports import Clock

from serverless_ai_runtime.adapters import pgvector
from serverless_ai_runtime.adapters.aws import aurora
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.adapters.pgvector import PgVector
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import Deadline, Refused, Throttled, Unavailable
from serverless_ai_runtime.core.rag.ports import Access, Entry, Hit
from serverless_ai_runtime.http import HttpClient

PLACE = aurora.Place(
    "arn:aws:rds:us-east-1:1:cluster:c", "arn:aws:secretsmanager:us-east-1:1:secret:s", "rag"
)
MODEL = botocore.session.Session().get_service_model("rds-data").operation_model("ExecuteStatement")
MISSING = 'ERROR: relation "i1" does not exist; Position: 13; SQLState: 42P01'
RESUMING = "The Aurora DB instance db-X is resuming after being auto-paused. Please wait a few seconds."


def failed(message: str, code: str = "DatabaseErrorException", status: int = 400) -> Any:
    return reply(status, {"message": message}, {"x-amzn-errortype": code})


def found(*rows: tuple[Any, ...]) -> Any:
    kinds = {str: "stringValue", float: "doubleValue", int: "longValue", bool: "booleanValue"}
    records = [[{"isNull": True} if one is None else {kinds[type(one)]: one} for one in row] for row in rows]
    return reply(body={"records": records, "numberOfRecordsUpdated": 0})


def store(server: Loopback, clock: Clock | None = None) -> PgVector:
    world = (clock or Clock()).world()
    aws = Aws(HttpClient(world), world, lambda: AwsConfig("us-east-1", "AKID", "secret", "token"))
    return aurora.aurora(Service(aws, "Aurora", server.url, aurora.SIGNING_NAME), PLACE, "i1", 2)


def entry(number: int = 0, *, text: str = "words", vector: tuple[float, ...] = (1, 0)) -> Entry:
    return Entry(f"id-{number}", "bucket/a.txt", Access("a"), text, "Heading", vector)


def asked(server: Loopback) -> list[tuple[str, dict[str, Any]]]:
    """SQL and parameters of every request, each as AWS's own SDK would take it."""
    statements: list[tuple[str, dict[str, Any]]] = []
    for sent in server.requests:
        body = sent.json()
        assert (sent.method, sent.target) == (MODEL.http["method"], MODEL.http["requestUri"])
        assert len(sent.body) < 4 * 1024 * 1024
        validate_parameters(body, MODEL.input_shape)
        assert (body["resourceArn"], body["secretArn"], body["database"]) == PLACE
        statements.append(
            (body["sql"], {one["name"]: next(iter(one["value"].values())) for one in body["parameters"]})
        )
    return statements


def test_entries_go_in_one_statement(server: Loopback) -> None:
    server.answer(found())
    store(server).upsert([entry(), entry(1), entry(text="new")], Deadline(5))
    [(sql, parameters)] = asked(server)
    assert sql.startswith("INSERT INTO i1 ")
    records = json.loads(parameters["entries"])
    assert {one["id"]: one["text"] for one in records} == {"id-0": "new", "id-1": "words"}
    assert [one["key"] for one in records] == sorted(one["key"] for one in records)
    assert records[0]["vector"] == "[1,0]"


def test_a_table_that_is_not_there_is_made_and_the_write_goes_on(server: Loopback) -> None:
    server.answer(failed(MISSING), found(), found())
    store(server).upsert([entry()], Deadline(5))
    first, made, again = (sql for sql, _ in asked(server))
    assert first == again
    assert made.startswith("DO ")
    assert ":" not in made


def test_who_searches_or_deletes_where_nothing_was_written_finds_nothing(server: Loopback) -> None:
    server.answer(failed(MISSING, "BadRequestException"))
    assert store(server).search([1, 0], 5, Access("a"), Deadline(5)) == []
    assert store(server).search_text("words", 5, Access("a"), Deadline(5)) == []
    store(server).delete(["id"], Deadline(5))
    assert all("CREATE" not in sql for sql, _ in asked(server))


def test_no_request_is_larger_than_it_may_whatever_is_in_it(server: Loopback) -> None:
    server.answer(found())
    store(server).upsert([entry(number, text='"\x01☂' * 5_000) for number in range(300)], Deadline(30))
    sent = [json.loads(parameters["entries"]) for _, parameters in asked(server)]
    assert sum(map(len, sent)) == 300
    assert 1 < len(sent) < 20


def test_nothing_to_put_or_delete_is_no_call(server: Loopback) -> None:
    store(server).upsert([], Deadline(5))
    store(server).delete([], Deadline(5))
    assert server.requests == []


def test_the_best_come_first_whatever_the_order_of_the_index(server: Loopback) -> None:
    server.answer(found(("b", "d", "t", "h", 0.5), ("a", "d", "t", "", 0.75)))
    hits = store(server).search([1, 0], 5, Access("a"), Deadline(5), ["d"])
    assert hits == [Hit("a", "d", "t", "", 0.75), Hit("b", "d", "t", "h", 0.5)]
    [(sql, parameters)] = asked(server)
    assert "of = ANY" in sql
    assert parameters["most"] == 5
    assert {"tenant", "documents", "vector"} < parameters.keys()


@given(st.text(alphabet=st.characters(), max_size=30))
def test_a_text_comes_back_as_it_was_and_postgresql_can_hold_it(text: str) -> None:
    held = pgvector._plain(text)
    assert pgvector._raw(held) == text
    held.encode()
    assert "\x00" not in held


ROWS = [("a", "d", "t", "h"), ("a", "d", "t", None, 0.5), ("a", "d", "t", "h", "x"), (1, "d", "t", "h", 1.0)]
RECORDS = [7, [7], [[7]], [[{}]], [[{"stringValue": "a", "isNull": True}]], [[{"arrayValue": {}}]]]
PLACES = ["", "{}", "[]", "7", '{"cluster": "", "secret": "s", "database": "d"}', "[" * 9999]


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_rows_that_are_none_of_ours_are_malformed(server: Loopback, row: Any) -> None:
    server.answer(found(row))
    with pytest.raises(Unavailable) as error:
        store(server).search([1, 0], 5, Access("a"), Deadline(5))
    assert error.value.code == "MalformedResponse"


@pytest.mark.parametrize("records", RECORDS, ids=repr)
def test_records_that_are_none_are_malformed(server: Loopback, records: Any) -> None:
    server.answer(reply(body={"records": records}))
    with pytest.raises(Unavailable) as error:
        store(server).search([1, 0], 5, Access("a"), Deadline(5))
    assert error.value.code == "MalformedResponse"


def test_a_paused_cluster_is_waited_for(server: Loopback) -> None:
    clock = Clock()
    server.answer(*(failed(RESUMING, "DatabaseResumingException") for _ in range(12)), found())
    assert store(server, clock).search([1, 0], 5, Access("a"), clock.deadline(60)) == []
    assert len(server.requests) == 13
    assert sum(clock.slept) > 5


def test_a_cluster_that_does_not_come_back_in_time_may_be_asked_later(server: Loopback) -> None:
    clock = Clock()
    server.answer(failed(RESUMING, "DatabaseResumingException"))
    with pytest.raises(Unavailable) as error:
        store(server, clock).search([1, 0], 5, Access("a"), clock.deadline(10))
    assert error.value.retryable
    assert sum(clock.slept) < 10


@pytest.mark.parametrize(
    ("message", "code", "kind", "expected"),
    [
        ("ERROR: deadlock detected; SQLState: 40P01", "DatabaseErrorException", Unavailable, "40P01"),
        ("FATAL: too many connections; SQLState: 53300", "DatabaseErrorException", Throttled, "53300"),
        ('ERROR: no "SQLState: 40P01" here; SQLState: 22P02', "DatabaseErrorException", Refused, "22P02"),
        ("ERROR: no state at all", "BadRequestException", Refused, "BadRequestException"),
        ("SQLState: 40P01", "AccessDeniedException", Refused, "AccessDeniedException"),
    ],
)
def test_errors_of_postgresql_are_told_apart(
    server: Loopback, message: str, code: str, kind: type[Exception], expected: str
) -> None:
    server.answer(failed(message, code))
    with pytest.raises(kind) as error:
        store(server).search([1, 0], 5, Access("a"), Deadline(5))
    assert getattr(error.value, "code", "") == expected


def test_a_place_is_read_as_it_was_written() -> None:
    assert aurora.parse_place(PLACE.text()) == PLACE


@pytest.mark.parametrize("text", PLACES, ids=lambda text: text[:9])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="place of Aurora"):
        aurora.parse_place(text)


@pytest.mark.parametrize("name", ["", "I1", 'i"; DROP', "1i", "i" * 50])
def test_only_a_plain_name_becomes_a_part_of_the_sql(server: Loopback, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a table"):
        PgVector(aurora.DataApi(store(server)._sql._service, PLACE), name, 2)  # type: ignore[attr-defined]
