"""Aurora on the local cloud: resources, the Data API on a real PostgreSQL, and the vector store over it."""

from __future__ import annotations

import json
import random
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from serverless_ai_local.aws.clients import Credentials, client
from serverless_ai_local.aws.provider import Made, ResourceError
from serverless_ai_local.aws.resources import registry
from serverless_ai_runtime.adapters.aws import aurora
from serverless_ai_runtime.adapters.aws.service import Aws, Service
from serverless_ai_runtime.adapters.pgvector import PgVector
from serverless_ai_runtime.config import AwsConfig
from serverless_ai_runtime.core.ports import Deadline, Refused, World
from serverless_ai_runtime.core.rag.ports import Access, Entry
from serverless_ai_runtime.http import HttpClient

TYPES = registry()
CLUSTER = TYPES["AWS::RDS::DBCluster"]
INSTANCE = TYPES["AWS::RDS::DBInstance"]
PROPERTIES = {
    "Engine": "aurora-postgresql",
    "DatabaseName": "rag",
    "MasterUsername": "rag",
    "ManageMasterUserPassword": True,
    "EnableHttpEndpoint": True,
    "StorageEncrypted": True,
    "DeletionProtection": False,
    "ServerlessV2ScalingConfiguration": {"MinCapacity": 0, "MaxCapacity": 2, "SecondsUntilAutoPause": 300},
}
HOSTILE = 'it\'s a "#1" 100% ☂ \x00 \\ \n 😀 \ud800 \x10 \x100000\x10 {a,b} :x $$'
ADMINISTRATOR = AwsConfig("us-east-1", "test", "test", "")
ARRAY = [{"name": "a", "value": {"arrayValue": {"longValues": [1]}}}]
TEXT = [{"name": "a", "value": {"stringValue": "1"}}]


def soon() -> Deadline:
    """From now: one that is made when the tests are collected ends while others run."""
    return Deadline(30)


class Database(NamedTuple):
    services: Any
    cluster: Made
    instance: Made

    @property
    def about(self) -> dict[str, str]:
        attributes = self.cluster.attributes
        secret = attributes["MasterUserSecret.SecretArn"]
        return {"resourceArn": attributes["DBClusterArn"], "secretArn": secret, "database": "rag"}

    def run(self, sql: str, **more: Any) -> Any:
        return self.services.client("rds-data").execute_statement(sql=sql, **{**self.about, **more})

    def refused(self, sql: str, **more: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as error:
            self.run(sql, **more)
        return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]

    def store(
        self,
        index: str,
        dimension: int = 3,
        credentials: AwsConfig = ADMINISTRATOR,
    ) -> PgVector:
        world = World(time.time, time.sleep, random.random, lambda: "0" * 32)
        aws = Aws(HttpClient(world), world, lambda: credentials)
        service = Service(aws, "Aurora", self.services.url, aurora.SIGNING_NAME)
        place = aurora.Place(self.about["resourceArn"], self.about["secretArn"], "rag")
        return aurora.aurora(service, place, index, dimension)


@pytest.fixture(scope="module")
def database(services) -> Iterator[Database]:
    cluster = CLUSTER.create(services.context(), "cluster", PROPERTIES)
    properties = {
        "DBClusterIdentifier": cluster.physical_id,
        "DBInstanceClass": "db.serverless",
        "Engine": "aurora-postgresql",
    }
    instance = INSTANCE.create(services.context(), "writer", properties)
    yield Database(services, cluster, instance)
    INSTANCE.delete(services.context(), instance.physical_id, properties)
    CLUSTER.delete(services.context(), cluster.physical_id, PROPERTIES)
    assert services.client("rds").describe_db_clusters()["DBClusters"] == []
    assert services.client("rds").describe_db_instances()["DBInstances"] == []
    assert not [
        s for s in services.client("secretsmanager").list_secrets()["SecretList"] if "rds!" in s["Name"]
    ]


def entry(
    number: int = 0,
    *,
    tenant: str = "a",
    text: str = "words",
    vector: tuple[float, ...] = (1, 0, 0),
    document: str = "b/a.txt",
) -> Entry:
    return Entry(f"id-{number}", document, Access(tenant, frozenset({"x"})), text, "Heading", vector)


def test_a_cluster_has_what_cloudformation_promises(database, services):
    [found] = services.client("rds").describe_db_clusters(DBClusterIdentifier=database.cluster.physical_id)[
        "DBClusters"
    ]
    assert found["HttpEndpointEnabled"] is True
    assert found["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": 0.0,
        "MaxCapacity": 2.0,
        "SecondsUntilAutoPause": 300,
    }
    assert found["MasterUserSecret"]["SecretArn"] == database.about["secretArn"]
    secret = services.client("secretsmanager").get_secret_value(SecretId=database.about["secretArn"])
    assert json.loads(secret["SecretString"])["username"] == "rag"
    assert database.cluster.attributes.keys() >= {
        "Endpoint.Address",
        "DBClusterResourceId",
        "ReadEndpoint.Address",
    }


def test_a_change_keeps_the_secret_and_the_data(database, services):
    database.run("CREATE TABLE kept (a int)")
    changed = {**PROPERTIES, "ServerlessV2ScalingConfiguration": {"MinCapacity": 0, "MaxCapacity": 8}}
    assert not CLUSTER.replaces(PROPERTIES, changed)
    made = CLUSTER.update(services.context(), database.cluster.physical_id, PROPERTIES, changed)
    assert made.attributes == database.cluster.attributes
    assert database.run("SELECT count(*) FROM kept")["records"] == [[{"longValue": 0}]]
    off = {**changed, "EnableHttpEndpoint": False}
    CLUSTER.update(services.context(), database.cluster.physical_id, changed, off)
    assert database.refused("SELECT 1")[0] == "HttpEndpointNotEnabledException"
    CLUSTER.update(services.context(), database.cluster.physical_id, off, PROPERTIES)
    assert CLUSTER.replaces(PROPERTIES, {**PROPERTIES, "StorageEncrypted": False})


@pytest.mark.parametrize(
    ("scaling", "why"),
    [
        ({"MinCapacity": 4, "MaxCapacity": 2}, "MaxCapacity"),
        ({"MinCapacity": 0.3, "MaxCapacity": 2}, "steps of 0.5"),
        ({"MinCapacity": 0, "MaxCapacity": 2, "SecondsUntilAutoPause": 60}, "300 to 86400"),
        ({"MinCapacity": 1, "MaxCapacity": 2, "SecondsUntilAutoPause": 600}, "MinCapacity is 0"),
    ],
)
def test_a_capacity_that_the_service_does_not_have_is_refused(services, scaling, why):
    with pytest.raises(ResourceError, match=why):
        CLUSTER.create(services.context(), "bad", {**PROPERTIES, "ServerlessV2ScalingConfiguration": scaling})


def test_a_protected_cluster_is_not_deleted(services):
    protected = {**PROPERTIES, "DeletionProtection": True}
    made = CLUSTER.create(services.context(), "protected", protected)
    with pytest.raises(ResourceError, match="protected"):
        CLUSTER.delete(services.context(), made.physical_id, protected)
    CLUSTER.update(services.context(), made.physical_id, protected, PROPERTIES)
    CLUSTER.delete(services.context(), made.physical_id, PROPERTIES)


def test_values_have_the_kinds_of_the_data_api(database):
    sql = "SELECT 1 AS one, :text AS two, true, 1.5::float8, array[1, 2], null, 'x'::bytea, :number + 1"
    parameters = [
        {"name": "text", "value": {"stringValue": "é"}},
        {"name": "number", "value": {"longValue": 2**40}},
    ]
    found = database.run(sql, parameters=parameters, includeResultMetadata=True)
    assert found["records"] == [
        [
            {"longValue": 1}, {"stringValue": "é"}, {"booleanValue": True}, {"doubleValue": 1.5},
            {"arrayValue": {"longValues": [1, 2]}}, {"isNull": True}, {"blobValue": b"x"},
            {"longValue": 2**40 + 1},
        ]
    ]  # fmt: skip
    assert [one["name"] for one in found["columnMetadata"]][:2] == ["one", "two"]


@pytest.mark.parametrize(
    ("sql", "more", "expected"),
    [
        ("SELECT * FROM nothing", {}, ("DatabaseErrorException", "SQLState: 42P01")),
        ("SELECT 1; SELECT 2", {}, ("DatabaseErrorException", "multiple commands")),
        ("SELECT :missing", {}, ("BadRequestException", "missing")),
        ("SELECT :a", {"parameters": ARRAY}, ("BadRequestException", "Array parameters")),
        ("SELECT 1", {"formatRecordsAs": "JSON"}, ("BadRequestException", "formatRecordsAs")),
        ("SELECT 1", {"database": "other"}, ("DatabaseNotFoundException", "other")),
        ("SELECT repeat('x', 1100000)", {}, ("BadRequestException", "size limit")),
        ("SELECT 1 WHERE 1 = :a", {"parameters": TEXT}, ("DatabaseErrorException", "42883")),
    ],
)  # fmt: skip
def test_what_the_data_api_refuses_is_refused(database, sql, more, expected):
    code, message = database.refused(sql, **more)
    assert code == expected[0]
    assert expected[1] in message


def test_only_the_secret_of_the_cluster_opens_it(database, services):
    other = services.client("secretsmanager").create_secret(
        Name="other", SecretString=json.dumps({"username": "rag", "password": "guessed"})
    )["ARN"]
    assert "28P01" in database.refused("SELECT 1", secretArn=other)[1]
    assert database.refused("SELECT 1", secretArn=other + "x")[0] == "SecretsErrorException"
    services.client("secretsmanager").delete_secret(SecretId=other, ForceDeleteWithoutRecovery=True)


def test_a_transaction_is_one(database, services):
    data = services.client("rds-data")
    about = {key: value for key, value in database.about.items() if key != "database"}
    database.run("CREATE TABLE counted (a int)")
    for end, count in ((data.rollback_transaction, 0), (data.commit_transaction, 2)):
        name = data.begin_transaction(**database.about)["transactionId"]
        sets = [[{"name": "a", "value": {"longValue": number}}] for number in (1, 2)]
        data.batch_execute_statement(
            sql="INSERT INTO counted VALUES (:a)", parameterSets=sets, transactionId=name, **database.about
        )
        assert database.run("SELECT count(*) FROM counted")["records"] == [[{"longValue": 0}]]
        end(transactionId=name, **about)
        assert database.run("SELECT count(*) FROM counted")["records"] == [[{"longValue": count}]]
        assert database.refused("SELECT 1", transactionId=name)[0] == "TransactionNotFoundException"


def test_no_session_setting_outlives_its_call(database):
    database.run("SELECT set_config('hnsw.ef_search', '77', false)")
    found = [database.run("SELECT current_setting('hnsw.ef_search', true)")["records"] for _ in range(3)]
    assert [[[{"stringValue": "77"}]]] not in found


def test_entries_are_found_replaced_and_deleted(database):
    store = database.store("i_life")
    assert store.search((1, 0, 0), 5, Access("a"), soon()) == []
    store.delete(["id-0"], soon())
    store.upsert([entry(text="old"), entry(1, vector=(0, 1, 0)), entry(2, tenant="b")], soon())
    store.upsert([entry(text="new"), entry(text="newest")], soon())
    hits = store.search((1, 0.1, 0), 5, Access("a"), soon())
    assert [(hit.id, hit.text) for hit in hits] == [("id-0", "newest"), ("id-1", "words")]
    assert hits[0].score == pytest.approx(0.995, abs=0.001)
    assert [hit.id for hit in store.search((1, 0, 0), 5, Access("b"), soon())] == ["id-2"]
    assert store.search((1, 0, 0), 5, Access(""), soon()) == []
    store.delete(["id-0", "id-0", "never"], soon())
    store.delete(["id-0"], soon())
    assert [hit.id for hit in store.search((1, 0, 0), 5, Access("a"), soon())] == ["id-1"]
    with pytest.raises(Refused, match="dimensions"):
        store.upsert([entry(vector=(1, 0))], soon())


def test_what_is_hostile_survives(database):
    store = database.store("i_hostile")
    long = "x" * 50_000 + HOSTILE
    for text in (HOSTILE, long):
        store.upsert([Entry(text, text, Access(text, frozenset({text})), text, text, (1, 0, 0))], soon())
        [hit] = store.search((1, 0, 0), 5, Access(text), soon(), [text])
        assert (hit.id, hit.document, hit.text, hit.heading) == (text,) * 4
        store.search_text(text, 5, Access(text), soon(), [text])
        store.delete([text], soon())
        assert store.search((1, 0, 0), 5, Access(text), soon()) == []


def test_a_search_is_narrowed_to_documents(database):
    store = database.store("i_narrow")
    store.upsert([entry(n, document=f"b/{n}.txt", vector=(1, n / 10, 0)) for n in range(5)], soon())
    wanted = ["b/3.txt", "b/4.txt", "b/9.txt"]
    assert [h.id for h in store.search((1, 0, 0), 5, Access("a"), soon(), wanted)] == ["id-3", "id-4"]
    assert [h.id for h in store.search_text("words", 5, Access("a"), soon(), ["b/4.txt"])] == ["id-4"]


def test_words_are_found_and_ranked_and_are_no_query(database):
    store = database.store("i_words")
    texts = [
        "apple apple apple apple orchard",
        "an apple and a banana",
        "the cat sat on the mat",
        "Invoice X-4711 of ACME",
    ]
    store.upsert([entry(n, text=text) for n, text in enumerate(texts)], soon())

    def ids(question: str, tenant: str = "a") -> list[str]:
        return [hit.id for hit in store.search_text(question, 5, Access(tenant), soon())]

    assert ids("Which banana is like an APPLE?") == ["id-1", "id-0"]
    assert ids("the of and") == []
    assert ids("x-4711") == ["id-3"]
    assert ids("cats") == ["id-2"]
    assert ids("heading") == [] or set(ids("heading")) == {f"id-{n}" for n in range(4)}
    assert ids("!cat & (dog | 'bird') <-> mat:* \\") == ["id-2"]
    assert ids("apple", "b") == []
    assert ids("") == []
    assert ids("apple " * 10_000) != []


def test_a_small_tenant_among_many_loses_nothing(database):
    """The nearest 600 entries are all of another tenant, and the planner may well choose the index."""
    store = database.store("i_crowd")
    generator = random.Random(7)
    crowd = [entry(n, tenant="big", vector=(1, generator.random() / 100, 0)) for n in range(600)]
    small = [entry(1000 + n, tenant="small", vector=(-1, generator.random(), 0)) for n in range(3)]
    store.upsert([*crowd, *small], soon())
    assert len(store.search((1, 0, 0), 10, Access("small"), soon())) == 3
    assert len(store.search((1, 0, 0), 100, Access("big"), soon())) == 100


@pytest.mark.parametrize("dimension", [1536, 3072, 4096])
def test_vectors_of_every_size_are_kept(database, dimension):
    store = database.store(f"i_{dimension}", dimension)
    store.upsert([entry(vector=(0.1,) * dimension)], soon())
    [hit] = store.search((0.1,) * dimension, 1, Access("a"), soon())
    assert hit.score == pytest.approx(1.0, abs=0.001)


def test_writers_that_miss_the_table_together_make_it_once(database):
    failures: list[Exception] = []

    def write(number: int) -> None:
        try:
            database.store("i_race").upsert([entry(n) for n in range(number, number + 30)], soon())
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(10 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(database.store("i_race").search((1, 0, 0), 100, Access("a"), soon())) == 80


def test_a_paused_cluster_is_waited_for(database, services):
    store = database.store("i_paused")
    url = f"{services.url}/_local/rds/clusters/{database.cluster.physical_id}/pause"
    urllib.request.urlopen(urllib.request.Request(url, method="POST")).close()
    assert "resuming" in database.refused("SELECT 1")[1]
    urllib.request.urlopen(urllib.request.Request(url, method="POST")).close()
    assert store.search((1, 0, 0), 5, Access("a"), soon()) == []


def test_a_role_needs_both_the_statement_and_the_secret(database, services):
    iam = services.client("iam")
    arn = iam.create_role(RoleName="searcher", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    body = json.dumps({"role_arn": arn}).encode()
    request = urllib.request.Request(f"{services.url}/_local/iam/credentials", body, method="POST")
    issued = json.load(urllib.request.urlopen(request))
    credentials = AwsConfig("us-east-1", issued["access_key"], issued["secret_key"], issued["token"])
    grants = [
        (aurora.READ_ACTIONS, database.about["resourceArn"]),
        (aurora.SECRET_ACTIONS, database.about["secretArn"]),
    ]
    given: list[dict[str, Any]] = []
    for actions, resource in grants:
        with pytest.raises(Refused, match=actions[0]):
            database.store("i_role", credentials=credentials).search((1, 0, 0), 5, Access("a"), soon())
        given.append({"Effect": "Allow", "Action": list(actions), "Resource": resource})
        document = json.dumps({"Version": "2012-10-17", "Statement": given})
        iam.put_role_policy(RoleName="searcher", PolicyName="p", PolicyDocument=document)
    assert database.store("i_role", credentials=credentials).search((1, 0, 0), 5, Access("a"), soon()) == []
    iam.delete_role_policy(RoleName="searcher", PolicyName="p")
    iam.delete_role(RoleName="searcher")
    assert client("rds-data", services.url, credentials=Credentials(access_key="a", secret_key="b"))


def test_without_an_instance_nothing_answers(database, services):
    made = CLUSTER.create(services.context(), "empty", PROPERTIES)
    empty = Database(services, made, database.instance)
    code, message = empty.refused("SELECT 1")
    assert (code, "writer" in message) == ("DatabaseUnavailableException", True)
    CLUSTER.delete(services.context(), made.physical_id, PROPERTIES)
    assert empty.refused("SELECT 1")[0] == "BadRequestException"
