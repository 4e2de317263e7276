"""What goes into a function's zip: the handler's own files, the same bytes everywhere, and nothing else."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from serverless_ai_patterns.bundle import ENTRY_POINTS, RUNTIME, bundle, digest, handler, stage, zip_bytes

ROOT = Path(__file__).parents[2]
ALLOWED_BYTES = 200_000


def copy_of_the_runtime(into: Path) -> Path:
    runtime = into / "serverless_ai_runtime"
    for name, file in bundle("function_llm", "aws").items():
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    return runtime


def test_the_bundle_holds_the_shared_files_the_core_and_one_clouds_edge() -> None:
    names = list(bundle("function_llm", "aws"))
    assert names == sorted(names)
    assert {
        "serverless_ai_runtime/__init__.py",
        "serverless_ai_runtime/config.py",
        "serverless_ai_runtime/core/__init__.py",
        "serverless_ai_runtime/core/ports.py",
        "serverless_ai_runtime/adapters/__init__.py",
        "serverless_ai_runtime/adapters/aws/__init__.py",
        "serverless_ai_runtime/adapters/aws/bedrock.py",
        "serverless_ai_runtime/entrypoints/__init__.py",
        "serverless_ai_runtime/entrypoints/aws_lambda.py",
    } <= set(names)


def test_only_what_belongs_to_the_function_is_bundled(tmp_path: Path) -> None:
    runtime = copy_of_the_runtime(tmp_path)
    strays = [
        "py.typed",
        "notes.txt",
        ".DS_Store",
        "__pycache__/config.cpython-313.pyc",
        "tests/test_config.py",
        "adapters/gcp/vertex.py",
        "adapters/aws/__pycache__/sqs.cpython-313.pyc",
        "entrypoints/gcp_functions.py",
        "entrypoints/azure_functions.py",
        "root/main.py",
        "root/gcp/main.py",
        "root/aws/README.md",
    ]
    for stray in strays:
        (runtime / stray).parent.mkdir(parents=True, exist_ok=True)
        (runtime / stray).write_text("")
    assert list(bundle("function_llm", "aws", runtime=runtime)) == list(bundle("function_llm", "aws"))


def test_a_new_shared_module_or_adapter_is_bundled_without_telling_anyone(tmp_path: Path) -> None:
    runtime = copy_of_the_runtime(tmp_path)
    for new in ("tracing.py", "core/chunks.py", "adapters/aws/parameters.py"):
        (runtime / new).write_text("")
    added = bundle("function_llm", "aws", runtime=runtime).keys() - bundle("function_llm", "aws").keys()
    assert added == {
        f"serverless_ai_runtime/{new}"
        for new in ("tracing.py", "core/chunks.py", "adapters/aws/parameters.py")
    }


def test_an_extra_file_is_at_the_top_of_every_form_of_the_bundle(tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    own.write_text("def process(item): ...\n")
    extra = {"serverless_ai_custom.py": own}
    assert bundle("event_pipeline", "aws", extra=extra)["serverless_ai_custom.py"] == own
    assert list(bundle("event_pipeline", "aws", extra=extra)) == sorted(
        [*bundle("event_pipeline", "aws"), "serverless_ai_custom.py"]
    )
    staged = stage("event_pipeline", "aws", tmp_path / "stage", extra=extra)
    assert (staged / "serverless_ai_custom.py").read_text() == own.read_text()
    with zipfile.ZipFile(io.BytesIO(zip_bytes("event_pipeline", "aws", extra=extra))) as archive:
        assert archive.read("serverless_ai_custom.py") == own.read_bytes()
    before = digest("event_pipeline", "aws", extra=extra)
    own.write_text("def process(item): return {}\n")
    assert digest("event_pipeline", "aws", extra=extra) != before


def test_an_extra_file_cannot_take_the_place_of_one_of_the_handlers(tmp_path: Path) -> None:
    ours = next(iter(bundle("event_pipeline", "aws")))
    with pytest.raises(ValueError, match="is a file of the handler's own; an extra one needs another name"):
        bundle("event_pipeline", "aws", extra={ours: tmp_path / "mine.py"})


@pytest.mark.parametrize("call", [bundle, handler, digest, zip_bytes])
def test_unknown_names_are_refused_with_what_there_is(call) -> None:
    with pytest.raises(
        ValueError, match=r"pattern must be one of function_llm, event_pipeline, rag; got 'functionllm'"
    ):
        call("functionllm", "aws")
    with pytest.raises(ValueError, match=r"cloud of function_llm must be one of aws, azure, gcp; got 'ibm'"):
        call("function_llm", "ibm")


def test_the_zip_is_small_and_readable_by_lambda() -> None:
    content = zip_bytes("function_llm", "aws")
    assert len(content) < ALLOWED_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == list(bundle("function_llm", "aws"))
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_source_gives_the_same_bytes_in_another_process_and_umask() -> None:
    script = (
        "import hashlib, os; os.umask(0o077); from serverless_ai_patterns.bundle import digest, zip_bytes;"
        "print(digest('function_llm', 'aws'), hashlib.sha256(zip_bytes('function_llm', 'aws')).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(seen) == 1
    assert seen.pop().split()[0] == digest("function_llm", "aws")


def test_the_digest_changes_with_a_name_or_a_byte(tmp_path: Path) -> None:
    before = digest("function_llm", "aws")
    script = "from serverless_ai_patterns.bundle import digest; print(digest('function_llm', 'aws'))"

    def digest_of(folder: Path) -> str:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT / "patterns")))}
        return subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
        ).stdout.strip()

    runtime = copy_of_the_runtime(tmp_path)
    assert digest_of(tmp_path) == before
    (runtime / "config.py").write_text((runtime / "config.py").read_text() + "\n")
    edited = digest_of(tmp_path)
    (runtime / "added.py").write_text("")
    assert len({before, edited, digest_of(tmp_path)}) == 3


def test_a_stage_is_the_bundle_and_can_be_made_again(tmp_path: Path) -> None:
    into = tmp_path / "deep" / "stage"
    assert stage("function_llm", "aws", into) == into
    (into / "serverless_ai_runtime" / "left_over.py").write_text("")
    stage("function_llm", "aws", into)
    files = {path.relative_to(into).as_posix(): path for path in into.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in files.items()} == {
        name: path.read_bytes() for name, path in bundle("function_llm", "aws").items()
    }
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o644}
    assert {path.stat().st_mtime for path in files.values()} == {315532800}


def test_a_stage_never_empties_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ValueError, match=r"must be new, empty or an earlier stage; it holds thesis.tex"):
        stage("function_llm", "aws", tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_the_handler_can_be_imported_from_the_zip_alone(tmp_path: Path) -> None:
    stage("function_llm", "aws", tmp_path)
    module, name = handler("function_llm", "aws").rsplit(".", 1)
    script = f"import sys; sys.path.insert(0, '.'); import {module} as m; m.{name}; print(m.__file__)"
    # -S and -I: no site-packages and no checkout, as on Lambda without a layer
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert Path(tmp_path, done.stdout.strip()).is_relative_to(tmp_path)


def test_the_runtime_is_found_by_import_location() -> None:
    assert RUNTIME == ROOT / "lambdas" / "serverless_ai_runtime"


@pytest.mark.parametrize(
    ("function", "cloud"), [(name, cloud) for name, by in ENTRY_POINTS.items() for cloud in by]
)
def test_an_entry_point_finds_all_that_it_imports_in_its_own_zip(
    function: str, cloud: str, tmp_path: Path
) -> None:
    staged = stage(function, cloud, tmp_path / "zip")
    module = f"serverless_ai_runtime.entrypoints.{ENTRY_POINTS[function][cloud]}"
    program = f"import sys; sys.path.insert(0, {str(staged)!r}); import {module}; print({module}.__file__)"
    found = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False)
    assert found.stdout.startswith(str(staged)), found.stderr
