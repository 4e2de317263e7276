"""AlloyDB on the local cloud: resources, who is let in, and the vector store on a real PostgreSQL."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from google_local import HERE

from serverless_ai_runtime.adapters.gcp.alloydb import MOST_SESSIONS, Place, alloydb
from serverless_ai_runtime.adapters.pgvector import PgVector
from serverless_ai_runtime.core.ports import Deadline, Refused, TimedOut
from serverless_ai_runtime.core.rag.ports import Access, Entry

CLUSTER = f"{HERE}/locations/us-central1/clusters/vectors"
HOSTILE = 'it\'s a "#1" 100% ☂ \x00 \\ \n 😀 \ud800'


def soon() -> Deadline:
    """From now: one that is made when the tests are collected ends while others run."""
    return Deadline(30)


class Tokens:
    def __init__(self, token: str) -> None:
        self.token = token

    def get(self, resource: str, deadline: Deadline) -> str:
        return self.token

    def drop(self, resource: str, text: str) -> None:
        pass


class Deployment:
    def __init__(self, local) -> None:
        self.local = local
        self.cluster = local.make(
            "gcp:alloydb/cluster:Cluster",
            clusterId="vectors",
            location="us-central1",
            deletionProtection=False,
        )
        self.instance = local.make(
            "gcp:alloydb/instance:Instance", cluster=CLUSTER, instanceId="primary", instanceType="PRIMARY"
        )
        self.host = self.instance["outputs"]["ipAddress"]
        self.users = {}
        for name, roles in (
            ("writer", ["alloydbiamuser", "alloydbsuperuser"]),
            ("reader", ["alloydbiamuser"]),
        ):
            email = local.make("gcp:serviceaccount/account:Account", accountId=f"the-{name}")["outputs"][
                "email"
            ]
            self.users[name] = local.make(
                "gcp:alloydb/user:User",
                cluster=CLUSTER,
                userId=email.removesuffix(".gserviceaccount.com"),
                userType="ALLOYDB_IAM_USER",
                databaseRoles=roles,
            )
            local.make(
                "gcp:projects/iAMMember:IAMMember",
                project=HERE.split("/")[1],
                role="roles/alloydb.databaseUser",
                member=f"serviceAccount:{email}",
            )

    def email(self, name: str) -> str:
        return self.users[name]["outputs"]["name"].rsplit("/", 1)[-1] + ".gserviceaccount.com"

    def store(self, name: str, token_of: str = "", database: str = "postgres") -> PgVector:
        token = self.local.admin("POST", "gcp/access-token", {"email": self.email(token_of or name)})["token"]
        place = Place(self.host, database)
        return alloydb(Tokens(token), lambda deadline: self.email(name), place, "i1", 3)


@pytest.fixture
def deployed(local) -> Deployment:
    return Deployment(local)


def entry(number: int, text: str = "words", tenant: str = "a") -> Entry:
    return Entry(f"id-{number}", "b/a.txt", Access(tenant), text, "Heading", (1, number, 0))


def test_a_writer_makes_the_table_and_a_reader_only_reads(deployed):
    reader, writer = deployed.store("reader"), deployed.store("writer")
    assert reader.search((1, 0, 0), 5, Access("a"), soon()) == []
    writer.upsert([entry(0, HOSTILE), entry(1), entry(2, tenant="b")], soon())
    assert [hit.id for hit in reader.search((1, 0, 0), 5, Access("a"), soon())] == ["id-0", "id-1"]
    assert reader.search((1, 0, 0), 1, Access("a"), soon())[0].text == HOSTILE
    assert [hit.id for hit in reader.search_text("words", 5, Access("a"), soon())] == ["id-1"]
    for refused in (lambda: reader.upsert([entry(3)], soon()), lambda: reader.delete(["id-0"], soon())):
        with pytest.raises(Refused) as error:
            refused()
        assert error.value.code == "42501"
    writer.delete(["id-0"], soon())
    assert [hit.id for hit in reader.search((1, 0, 0), 5, Access("a"), soon())] == ["id-1"]


def test_vectors_are_kept_in_their_rows(deployed):
    token = deployed.local.admin("POST", "gcp/access-token", {"email": deployed.email("writer")})["token"]
    place = Place(deployed.host, "postgres")
    store = alloydb(Tokens(token), lambda deadline: deployed.email("writer"), place, "wide", 1024)
    vector = [number / 1024 for number in range(1024)]
    store.upsert([entry(number, "words " * 200)._replace(vector=vector) for number in range(4)], soon())
    apart = (
        "SELECT pg_relation_size(oid), pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'wide'"
    )
    (sizes,) = store._sql.execute("Sizes", apart, {}, soon())
    assert list(sizes) == [4 * 8192, 0], "a page each, and nothing elsewhere"


def test_only_a_users_own_token_lets_it_in(deployed, local):
    with pytest.raises(Refused, match="IAM authentication failed"):
        deployed.store("writer", token_of="reader").search((1, 0, 0), 5, Access("a"), soon())
    with pytest.raises(Refused, match="does not exist"):
        deployed.store("writer", database="other").search((1, 0, 0), 5, Access("a"), soon())
    local.drop(deployed.users["reader"])
    store = alloydb(
        Tokens("x"), lambda deadline: deployed.email("reader"), Place(deployed.host, "postgres"), "i1", 3
    )
    with pytest.raises(Refused) as error:
        store.search((1, 0, 0), 5, Access("a"), soon())
    assert error.value.code == "28P01"


def test_a_lost_connection_is_made_anew(deployed):
    store = deployed.store("writer")
    store.upsert([entry(0)], soon())
    (session,) = store._sql._idle
    session._connection._usock.shutdown(2)
    assert len(store.search((1, 0, 0), 5, Access("a"), soon())) == 1


def test_statements_at_the_same_time_have_a_session_each_and_no_more_than_there_may_be(deployed):
    store = deployed.store("writer")
    store.upsert([entry(0)], soon())
    with ThreadPoolExecutor(3 * MOST_SESSIONS) as pool:
        waits = [
            pool.submit(store._sql.execute, "Sleep", "SELECT pg_sleep(0.2), pg_backend_pid()", {}, soon())
            for _ in range(3 * MOST_SESSIONS)
        ]
        sessions = {one.result()[0][1] for one in waits}
    assert 1 < len(sessions) <= MOST_SESSIONS
    assert len(store._sql._idle) == len(sessions)
    with ThreadPoolExecutor(MOST_SESSIONS) as pool:
        for _ in range(MOST_SESSIONS):
            pool.submit(store._sql.execute, "Sleep", "SELECT pg_sleep(1)", {}, soon())
        time.sleep(0.3)
        with pytest.raises(TimedOut, match="other statements take too long"):
            store.search((1, 0, 0), 5, Access("a"), Deadline(0.1))


def test_what_is_deleted_is_gone(deployed, local):
    deployed.store("writer").upsert([entry(0)], soon())
    assert (
        "has an instance"
        in local.send("POST", "/_local/gcp/resources/delete", {"uid": deployed.cluster["uid"]}).body[
            "message"
        ]
    )
    for one in (*deployed.users.values(), deployed.instance, deployed.cluster):
        local.drop(one)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((deployed.host, 5432), timeout=1)


def test_users_with_passwords_are_refused(deployed, local):
    assert "ALLOYDB_IAM_USER" in local.refused(
        "gcp:alloydb/user:User", cluster=CLUSTER, userId="x", userType="ALLOYDB_BUILT_IN"
    )
