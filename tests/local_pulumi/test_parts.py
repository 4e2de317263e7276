"""Paths, URNs, archives, secrets in texts: the parts that read outside data, tried hard."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serverless_ai_local.doors.pulumi import Secret, diff
from serverless_ai_local.doors.pulumi.assets import Archive, Asset, AssetError, Member
from serverless_ai_local.doors.pulumi.report import Report
from serverless_ai_local.doors.pulumi.state import Entry
from serverless_ai_local.doors.pulumi.steps import deletion_order
from serverless_ai_local.doors.pulumi.urns import Alias, Urn
from serverless_ai_local.doors.pulumi.values import UNKNOWN, decode, encode, known, plain, secrets_in
from serverless_ai_local.doors.pulumi.vault import Vault
from serverless_ai_local.doors.pulumi.wire import ARCHIVE, ASSET, OUTPUT, RESOURCE, SECRET, SIGNATURE

NAMES = st.text(min_size=1, max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
PATHS = st.lists(NAMES.filter(lambda name: name != "*") | st.integers(0, 99), min_size=1, max_size=4).map(
    tuple
)


@given(PATHS)
def test_a_rendered_path_is_read_back(path):
    assert diff.parse(diff.render(path)) == path or isinstance(path[0], int)


@given(st.text(max_size=12))
def test_any_text_is_a_path_or_refused(text):
    refused = ""
    try:
        path = diff.parse(text)
    except ValueError as error:
        refused = str(error)
    assert repr(text) in refused if refused else path


@given(JSON, JSON)
def test_what_changed_is_where_the_two_differ(old, new):
    paths = diff.changed({"it": old}, {"it": new})
    assert (not paths) == (old == new and json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True))


@given(st.dictionaries(NAMES, JSON, max_size=4), st.dictionaries(NAMES, JSON, max_size=4))
def test_ignoring_all_that_changed_leaves_no_change(old, new):
    patterns = [diff.render(path) for path in diff.changed(old, new)]
    assert diff.changed(old, diff.keep(new, old, patterns)) == ()


def test_secrecy_alone_is_no_change_and_true_is_not_one():
    assert diff.changed({"a": 1}, {"a": Secret(1)}) == ()
    assert diff.changed({"a": 1}, {"a": True}) == (("a",),)
    assert diff.changed({"a": 1}, {"a": 1.0}) == ()
    assert diff.changed({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}, "c": 1}) == (("a", "b", 1), ("c",))


@given(JSON)
def test_values_survive_the_wire_and_the_vault(value):
    dropped = decode(encode(value), Path())
    assert encode(dropped) == encode(decode(dropped, Path()))
    marked = {"open": dropped, "hidden": Secret(dropped)}
    assert decode(encode(marked), Path()) == decode(encode({"open": dropped}), Path()) | {
        "hidden": Secret(dropped)
    }


@given(st.text(min_size=12, max_size=40, alphabet='abcdefghij "\\\n'))
def test_a_secret_is_in_no_text(secret):
    report = Report()
    report.secret(secret)
    for text in (f"it is {secret}!", json.dumps({"a": secret}), *secret.splitlines()):
        cleaned = report.clean(text)
        assert secret not in cleaned
        assert len(text.strip()) < 3 or text == cleaned or "[secret]" in cleaned
    assert report.clean_all({"a": [secret]}) == {"a": ["[secret]"]}


def test_short_and_harmless_secrets_do_not_garble_everything():
    report = Report()
    for secret in ("a", "", "true", "null"):
        report.secret(secret)
    assert report.clean("a true banana is null") == "a true banana is null"


def test_every_special_value_of_the_wire(tmp_path):
    (tmp_path / "f").write_text("x")
    wire = {
        "secret": {SIGNATURE: SECRET, "value": {SIGNATURE: ASSET, "text": "hi"}},
        "unknown": "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "reference": {SIGNATURE: RESOURCE, "urn": "urn:x", "id": "i-1"},
        "component": {SIGNATURE: RESOURCE, "urn": "urn:x"},
        "pending": {SIGNATURE: OUTPUT, "secret": True},
        "output": {SIGNATURE: OUTPUT, "value": 3.0},
        "file": {SIGNATURE: ASSET, "path": "f"},
        "none": None,
    }
    found = decode(wire, tmp_path)
    assert found["secret"] == Secret(Asset.read({"text": "hi"}, tmp_path))
    assert found["unknown"] is UNKNOWN
    assert (found["reference"], found["component"]) == ("i-1", "urn:x")
    assert found["pending"] == Secret(UNKNOWN)
    assert found["output"] == 3
    assert found["file"].content == b"x"
    assert "none" not in found
    assert not known(found)
    assert next(secrets_in(found)) == plain(found["secret"])
    with pytest.raises(ValueError, match="unknown signature"):
        decode({SIGNATURE: "x"}, tmp_path)


def archive(folder: Path, **parts) -> Archive:
    return Archive.read({SIGNATURE: ARCHIVE, "assets": parts}, folder)


def test_an_archive_from_everything_a_program_may_give(tmp_path):
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "folder" / "deep" / "a.txt").write_text("a")
    tool = tmp_path / "tool"
    tool.write_text("#!")
    tool.chmod(0o755)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as packed:
        packed.writestr("in.zip.txt", "z")
    with tarfile.open(tmp_path / "t.tar.gz", "w:gz") as packed:
        packed.add(tool, "bin/tool")
    found = archive(
        tmp_path,
        **{
            ".": {SIGNATURE: ARCHIVE, "path": "folder"},
            "z": {SIGNATURE: ARCHIVE, "path": "z.zip"},
            "t": {SIGNATURE: ARCHIVE, "path": "t.tar.gz"},
            "as-file": {SIGNATURE: ASSET, "path": "z.zip"},
            "text": {SIGNATURE: ASSET, "text": "hello"},
        },
    )
    assert list(found.members) == ["as-file", "deep/a.txt", "t/bin/tool", "text", "z/in.zip.txt"]
    assert found.members["t/bin/tool"] == Member(b"#!", executable=True)
    with zipfile.ZipFile(io.BytesIO(found.zip())) as packed:
        assert packed.namelist() == list(found.members)
        assert packed.getinfo("t/bin/tool").external_attr >> 16 & 0o111
        assert packed.read("text") == b"hello"
        assert {info.date_time for info in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_files_make_the_same_zip(tmp_path):
    one = archive(tmp_path, b={SIGNATURE: ASSET, "text": "2"}, a={SIGNATURE: ASSET, "text": "1"})
    other = archive(tmp_path, a={SIGNATURE: ASSET, "text": "1"}, b={SIGNATURE: ASSET, "text": "2"})
    assert one == other
    assert one.zip() == other.zip()
    assert one != archive(tmp_path, a={SIGNATURE: ASSET, "text": "1"}, b={SIGNATURE: ASSET, "text": "3"})


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"../x": {SIGNATURE: ASSET, "text": ""}}, "would lie outside of the archive"),
        ({"/x": {SIGNATURE: ASSET, "text": ""}}, "would lie outside of the archive"),
        ({"x": {SIGNATURE: ASSET, "path": "nope"}}, "nope: No such file"),
        ({"x": {SIGNATURE: ARCHIVE, "path": "nope"}}, "nope: which does not exist"),
        ({"x": {SIGNATURE: ARCHIVE, "path": "plain.txt"}}, r"plain.txt: a folder, .zip or .tar"),
        ({"x": {SIGNATURE: ASSET, "uri": "https://x"}}, "remote asset 'https://x': nothing is fetched here"),
        ({"x": {SIGNATURE: ARCHIVE, "uri": "https://x"}}, "remote archive"),
    ],
)
def test_archives_that_cannot_be_are_refused_by_name(tmp_path, part, message):
    (tmp_path / "plain.txt").write_text("x")
    with pytest.raises(AssetError, match=message):
        archive(tmp_path, **part)


@given(st.text(max_size=20), st.text(alphabet="abc:-_$/", min_size=1, max_size=20))
def test_a_urn_is_read_back(name, type_):
    if "$" in type_ or "::" in type_ or type_.startswith(":") or type_.endswith(":"):
        return
    urn = Urn(stack="dev", project="shop", parents=("a:b:C",), type=type_, name=name)
    assert Urn.parse(str(urn)) == urn


@pytest.mark.parametrize("text", ["", "urn:pulumi:dev", "urn:pulumi:dev::shop::x", "dev::shop::x::y"])
def test_what_is_no_urn_is_refused(text):
    with pytest.raises(ValueError, match="is not a URN"):
        Urn.parse(text)


def test_aliases_say_what_was_different():
    root = Urn(stack="dev", project="shop", type="pulumi:pulumi:Stack", name="shop-dev")
    current = root.child("x:y:Box", "box").child("aws:sqs/queue:Queue", "jobs")
    parent = root.child("x:y:Box", "box")
    assert Alias(urn="urn:any").of(current, parent) == "urn:any"
    assert Alias(name="old").of(current, parent) == "urn:pulumi:dev::shop::x:y:Box$aws:sqs/queue:Queue::old"
    assert Alias(no_parent=True).of(current, parent) == "urn:pulumi:dev::shop::aws:sqs/queue:Queue::jobs"
    elsewhere = Alias(stack="prod", project="store", type="a:b:C").of(current, parent)
    assert elsewhere == "urn:pulumi:prod::store::x:y:Box$a:b:C::jobs"


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=10))
def test_dependents_are_deleted_before_what_they_depend_on(wishes):
    entries = [
        Entry(
            urn=f"u{index}",
            type="a:b:C",
            name=str(index),
            custom=True,
            dependencies=tuple(f"u{other}" for other in wish if other < index),
        )
        for index, wish in enumerate(wishes)
    ]
    order = deletion_order(entries)
    assert sorted(entry.urn for entry in order) == sorted(entry.urn for entry in entries)
    place = {entry.urn: index for index, entry in enumerate(order)}
    assert all(place[entry.urn] < place[other] for entry in entries for other in entry.dependencies)


def test_a_circle_of_old_and_new_resources_does_not_stop_a_deletion():
    ring = [
        Entry(urn=f"u{index}", type="a:b:C", name="x", custom=True, dependencies=(f"u{(index + 1) % 3}",))
        for index in range(3)
    ]
    assert len(deletion_order(ring)) == 3


@given(JSON)
def test_the_vault_gives_back_what_it_was_given(tmp_path_factory, value):
    vault = Vault(tmp_path_factory.mktemp("vault"))
    kept = {
        "plain": value,
        "secret": Secret({"inner": value}),
        "list": [Secret("x"), Archive("ab"), Asset("cd")],
    }
    closed = vault.close(kept)
    assert vault.open(json.loads(json.dumps(closed))) == kept
