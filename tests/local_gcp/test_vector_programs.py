"""The blocks of Vector Search in a Pulumi program: what they make and grant is what the stores need."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from google_calls import cloud
from google_local import Local
from vector_stores import entry, ids

from serverless_ai_local.doors.pulumi import Deployment
from serverless_ai_local.gcp.project import PROJECT
from serverless_ai_runtime.adapters.gcp.identity import SCOPE
from serverless_ai_runtime.adapters.gcp.texts import Texts
from serverless_ai_runtime.adapters.gcp.vector_search import VectorSearch
from serverless_ai_runtime.adapters.gcp.vector_search_classic import (
    VectorSearchClassic,
    classic_services,
    read_place,
)
from serverless_ai_runtime.adapters.service import Service
from serverless_ai_runtime.core.ports import Deadline, Refused
from serverless_ai_runtime.wiring import WORLD

PROGRAM = """
    import pulumi, pulumi_gcp as gcp
    from serverless_ai_patterns.rag.stores import VertexVectorSearch
    from serverless_ai_pulumi.gcp._place import Place
    from serverless_ai_pulumi.gcp._vector_search import allow, vector_search
    config = gcp.organizations.get_client_config()
    place = Place(pulumi.Output.from_input(config.project), pulumi.Output.from_input(config.region))
    opts = pulumi.ResourceOptions()
    for name, classic in (("new", False), ("old", True)):
        made = vector_search(name, {indexes}, VertexVectorSearch(classic=classic), place=place, opts=opts)
        pulumi.export(name, made.places)
        for use, rights in (("query", made.read), ("ingest", made.write)):
            account = gcp.serviceaccount.Account(name + use, account_id=name + "-" + use)
            allow(name, use, account, rights, made, project=place.project, opts=opts)
"""


def store(local: Local, place: str, account: str) -> VectorSearch | VectorSearchClassic:
    token, url = local.access_token(f"{account}@{PROJECT}.iam.gserviceaccount.com"), local.url
    here = cloud(WORLD, token)
    if not place.startswith("{"):
        return VectorSearch(Service(here, "VectorSearch", url, SCOPE), place)
    where = read_place(place)
    kept = Texts(Service(here, "Firestore", url, SCOPE), where.texts)
    return VectorSearchClassic(*classic_services(here, where, url), kept, where)


def test_deployed_stores_serve_who_may_are_changed_and_leave_nothing(local: Local, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    deployment = Deployment(tmp_path, "s", endpoint=local.url, state_dir=tmp_path / "state", config=None)

    def up(**indexes: int) -> dict[str, dict[str, str]]:
        text = PROGRAM.replace("{indexes}", str(indexes))
        (tmp_path / "__main__.py").write_text(dedent(text))
        return dict(deployment.up().outputs)

    first = up(i1=3)
    for kind in ("new", "old"):
        reader, writer = (store(local, first[kind]["i1"], f"{kind}-{use}") for use in ("query", "ingest"))
        writer.upsert([entry(0), entry(1)], Deadline(10))
        writer.delete(["id-1"], Deadline(10))
        assert ids(reader) == ["id-0"]
        with pytest.raises(Refused, match="PERMISSION_DENIED"):
            reader.upsert([entry(2)], Deadline(10))

    both = up(i1=3, i2=2)
    for kind in ("new", "old"):
        store(local, both[kind]["i2"], f"{kind}-ingest").upsert([entry(7, (0, 1))], Deadline(10))
        assert both[kind]["i1"] == first[kind]["i1"]
        assert ids(store(local, both[kind]["i1"], f"{kind}-query")) == ["id-0"], "it serves on"

    last = up(i2=2)
    for kind in ("new", "old"):
        assert set(last[kind]) == {"i2"}
        assert ids(store(local, last[kind]["i2"], f"{kind}-query"), (0, 1)) == ["id-7"]
        with pytest.raises(Refused, match="NOT_FOUND"):
            ids(store(local, both[kind]["i1"], f"{kind}-query"))

    deployment.destroy()
    assert local.admin("GET", "gcp/resources")["resources"] == []
