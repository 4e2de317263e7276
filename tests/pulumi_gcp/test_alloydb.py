"""The AlloyDB block: what it makes, and who is let in."""

from __future__ import annotations

import json

import pulumi
import pulumi_gcp as gcp
from gcp_provider import PROJECT, email
from recorder import Cloud, deployer

from serverless_ai_patterns.gcp.prices import idle
from serverless_ai_patterns.rag.stores import AlloyDb
from serverless_ai_pulumi.gcp._alloydb import alloydb, let_in

CLOUD = Cloud(
    project="p",
    computed={
        "gcp:alloydb/instance:Instance": {"ipAddress": lambda name: "10.1.2.3"},
        "gcp:serviceaccount/account:Account": {
            "email": email,
            "member": lambda name: f"serviceAccount:{email(name)}",
        },
    },
    invokes={},
)


def made(writes: bool = True, **given):
    def program() -> None:
        opts = pulumi.ResourceOptions()
        project = pulumi.Output.from_input(PROJECT)
        store = alloydb(
            "store",
            {"i1": 3},
            AlloyDb(cpus=4),
            region="r1",
            project=project,
            protect=False,
            opts=opts,
            **given,
        )
        account = gcp.serviceaccount.Account("ingest", account_id="ingest")
        let_in("ingest", store, account, writes=writes, opts=opts)
        pulumi.export("places", store.places)

    return deployer(CLOUD)(program)


def test_a_cluster_on_a_network_of_its_own_lets_in_accounts_over_tls_only():
    recording = made()
    instance = recording.one("Instance").inputs
    assert instance["machineConfig"] == {"cpuCount": 4}
    assert instance["databaseFlags"] == {"alloydb.iam_authentication": "on"}
    assert instance["clientConnectionConfig"] == {"sslConfig": {"sslMode": "ENCRYPTED_ONLY"}}
    assert "initialUser" not in recording.one("Cluster").inputs
    assert json.loads(recording.exports["places"]["i1"]) == {"host": "10.1.2.3", "database": "postgres"}
    assert recording.one("Connection").inputs["service"] == "servicenetworking.googleapis.com"
    assert recording.one("Cluster").dependencies


def test_who_only_searches_is_no_writer():
    for writes, roles in ((True, ["alloydbiamuser", "alloydbsuperuser"]), (False, ["alloydbiamuser"])):
        recording = made(writes)
        user = recording.one("User").inputs
        assert user["databaseRoles"] == roles
        assert user["userId"].endswith(f"@{PROJECT}.iam")
        granted = {one.inputs["role"] for one in recording.all("IAMMember")}
        assert granted == {"roles/alloydb.databaseUser", "roles/serviceusage.serviceUsageConsumer"}


def test_a_network_of_yours_is_taken():
    recording = made(network="projects/p/global/networks/mine")
    assert recording.one("Cluster").inputs["networkConfig"]["network"] == "projects/p/global/networks/mine"
    assert not recording.all("Network")


def test_idle_it_costs_its_machine():
    costs = {
        one.type: idle(one.type, one.inputs).usd for one in made().resources if one.type.startswith("gcp:")
    }
    assert costs.pop("gcp:alloydb/instance:Instance") > 400
    assert set(costs.values()) == {0.0}
