"""What no file of the repository may hold, and what every module has."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from serverless_ai_runtime.config import FunctionLlmConfig, to_env

ROOT = Path(__file__).parents[2]
LONGEST_MODULE = 350
LONGEST_TEST_MODULE = 600
"""Tables of cases are long, and are read one by one."""


def repository_files() -> list[Path]:
    """Tracked files, and new ones that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return sorted({path for path in paths if path.is_file() and path != Path(__file__)})


FILES = repository_files()
MODULES = [path for path in FILES if path.suffix == ".py"]
SHIPPED = [
    path
    for path in MODULES
    if path.relative_to(ROOT).parts[0] in ("patterns", "lambdas", "cdk", "pulumi", "local")
]


def found(pattern: str, files: list[Path]) -> list[str]:
    """Where the pattern occurs, as file:line."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in files
        # Pictures and recordings are looked at as well: they hold texts of their own.
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        r"registry\.npmjs|registry\.yarnpkg|pythonhosted\.org|pypi\.org/simple|--index-url|--extra-index-url|/simple/",
        r"(?<![\w.-])/(work|root|Users|home)/[\w.-]",
        r"[A-Z]:\\Users\\",
    ],
    ids=["registries", "paths of a machine", "paths of a Windows machine"],
)
def test_no_file_depends_on_somebodys_machine(pattern: str) -> None:
    assert found(pattern, FILES) == []


@pytest.mark.parametrize("pattern", [r"\b(TODO|FIXME|XXX|HACK)\b", r"raise NotImplemented"])
def test_nothing_is_left_half_done(pattern: str) -> None:
    assert found(pattern, MODULES) == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    tests = [path for path in MODULES if path.is_relative_to(ROOT / "tests")]
    assert found(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b|@unittest\.skip", tests) == []


def test_the_runtime_reads_its_environment_in_one_module() -> None:
    runtime = [path for path in SHIPPED if path.is_relative_to(ROOT / "lambdas")]
    readers = found(r"\bos\.(environ|getenv|environb)\b|from os import .*environ", runtime)
    assert readers, "config.py is expected to read the environment"
    assert {line.partition(":")[0] for line in readers} == {"lambdas/serverless_ai_runtime/config.py"}


def test_names_of_the_handlers_variables_stand_in_no_module() -> None:
    # config.py makes them from its fields; whoever wrote one out would miss a renaming.
    names = "|".join(to_env(FunctionLlmConfig(*FunctionLlmConfig._fields)))
    assert found(rf"\b({names})\b", SHIPPED) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for_and_is_not_too_long(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "a module starts with a docstring that says what it is for"
    longest = LONGEST_TEST_MODULE if "tests" in path.parts else LONGEST_MODULE
    assert text.count("\n") <= longest


def test_every_file_with_tests_is_collected() -> None:
    with_tests = {
        path
        for path in MODULES
        if any(
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    }
    stray = [p for p in with_tests if not (p.is_relative_to(ROOT / "tests") and p.name.startswith("test_"))]
    assert stray == []


@pytest.mark.parametrize(
    "folder", ["cdk", "pulumi", "patterns", "lambdas", "local", "tests", "benchmarks", "examples"]
)
def test_a_room_is_a_source_root_and_no_package(folder: str) -> None:
    # An __init__.py there would make `import pulumi` find this repository instead of the SDK.
    assert not (ROOT / folder / "__init__.py").exists()


def test_no_folder_of_tests_is_a_package() -> None:
    assert [p for p in FILES if p.name == "__init__.py" and p.is_relative_to(ROOT / "tests")] == []


def test_no_importable_folder_is_named_like_a_cloud() -> None:
    sources = ("cdk", "pulumi", "patterns", "lambdas", "local")
    named = {path.name for folder in sources for path in (ROOT / folder).iterdir() if path.is_dir()}
    assert not named & {"aws", "azure", "gcp", "google", "pulumi", "aws_cdk"}
