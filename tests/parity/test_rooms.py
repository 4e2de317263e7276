"""Every pattern of the catalogue stands in every room, under one name and with one shape.

What this prints for a new pattern is the list of files it still needs.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverless_ai_patterns.catalogue import CATALOGUE, Pattern

ROOT = Path(__file__).parents[2]
PATTERNS = ROOT / "patterns/serverless_ai_patterns"
RUNTIME = ROOT / "lambdas/serverless_ai_runtime"
CDK = ROOT / "cdk/serverless_ai_cdk"
PULUMI = ROOT / "pulumi/serverless_ai_pulumi"
STACKS = ROOT / "pulumi/stacks"

ENTRY_POINTS = {
    "function_llm": {"aws": "aws_lambda", "azure": "azure_functions", "gcp": "gcp_functions"},
    "event_pipeline": {"aws": "aws_queue", "azure": "azure_queue", "gcp": "gcp_push"},
    "rag_ingest": {"aws": "aws_queue", "azure": "azure_queue", "gcp": "gcp_push"},
    "rag_query": {"aws": "aws_lambda", "azure": "azure_functions", "gcp": "gcp_functions"},
}
"""By which front door a function is reached."""
FUNCTIONS = {"rag": ("rag_ingest", "rag_query")}
"""Of a pattern that has more than the one named as itself."""
each_pattern = pytest.mark.parametrize("pattern", CATALOGUE, ids=[each.slug for each in CATALOGUE])


def rooms(pattern: Pattern) -> Iterator[tuple[Path, str]]:
    """File -> the class or function that must be defined in it ("" = the file itself is enough)."""
    slug, name = pattern.slug, pattern.class_name
    yield PATTERNS / slug / "settings.py", f"{name}Settings"
    yield PATTERNS / slug / "README.md", ""
    core = RUNTIME / "core" / slug
    yield (core / "__init__.py" if core.is_dir() else core.with_suffix(".py")), ""
    if "aws" in pattern.clouds:
        yield CDK / f"{slug}.py", name
    for cloud in pattern.clouds:
        for function in FUNCTIONS.get(slug, (slug,)):
            yield RUNTIME / "entrypoints" / f"{ENTRY_POINTS[function][cloud]}.py", function
        yield PULUMI / cloud / f"{slug}.py", name
        yield STACKS / cloud / f"Pulumi.{slug.replace('_', '-')}.yaml", ""


def defined(file: Path) -> set[str]:
    """Names that a module defines: classes, functions and assignments of its top level."""
    names: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@each_pattern
def test_no_room_lacks_the_pattern(pattern: Pattern) -> None:
    missing = [
        f"{file.relative_to(ROOT)}{f' must define {name}' if name else ''}"
        for file, name in rooms(pattern)
        if not file.is_file() or (name and name not in defined(file))
    ]
    assert not missing, f"{pattern.title} still needs: " + "; ".join(missing)


@each_pattern
def test_the_rooms_export_it(pattern: Pattern) -> None:
    packages = [PULUMI / cloud for cloud in pattern.clouds]
    packages += [CDK] if "aws" in pattern.clouds else []
    for package in packages:
        exported = next(
            ast.literal_eval(node.value)
            for node in ast.parse((package / "__init__.py").read_text()).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        )
        assert pattern.class_name in exported, package


def test_the_catalogue_lacks_no_room() -> None:
    described = {file.parent.name for file in PATTERNS.glob("*/settings.py")}
    assert described == {pattern.slug for pattern in CATALOGUE}


# What each tool has of its own: where the thing hangs, an existing key in the tool's own type, and what
# becomes of documents in the end.
OWN_PARAMETERS = {"scope", "id", "name", "opts", "key", "key_arn", "removal_policy", "force_destroy"}


@each_pattern
def test_construct_and_component_have_the_same_public_face(pattern: Pattern) -> None:
    if "aws" not in pattern.clouds:
        pytest.fail("a pattern without AWS needs another comparison here")
    construct = class_of(CDK / f"{pattern.slug}.py", pattern.class_name)
    component = class_of(PULUMI / "aws" / f"{pattern.slug}.py", pattern.class_name)
    assert attributes(construct) == attributes(component)
    assert parameters(construct) - OWN_PARAMETERS == parameters(component) - OWN_PARAMETERS
    for module in ("_events", "_function", "_guardrail", "_http_api", "_observability", "_queue", "_table"):
        assert (CDK / f"{module}.py").is_file() == (PULUMI / "aws" / f"{module}.py").is_file(), module


# What a user who moves a pattern to another cloud finds again under the same name.
SHARED = {"settings", "model", "function", "schedule", "dead_letters", "alarms", "dashboard"}
ON_EVERY_CLOUD = {
    "function_llm": {*SHARED, "endpoint", "rule", "destination"},
    "event_pipeline": {*SHARED, "uploads", "results", "queue", "topic"},
    "rag": {
        *(SHARED - {"schedule"}),
        "endpoint",
        "documents",
        "queue",
        "vectors",
        "ingest_function",
        "indexes",
    },
}


@each_pattern
def test_components_of_every_cloud_share_a_public_face(pattern: Pattern) -> None:
    for cloud in pattern.clouds:
        component = class_of(PULUMI / cloud / f"{pattern.slug}.py", pattern.class_name)
        assert attributes(component) >= ON_EVERY_CLOUD[pattern.slug], cloud
        assert {"name", "settings", "opts"} <= parameters(component), cloud
        defined_outputs = defined(PULUMI / cloud / "outputs.py")
        assert {"EXPORTS", "outputs"} <= defined_outputs, cloud


def class_of(file: Path, name: str) -> ast.ClassDef:
    return next(n for n in ast.parse(file.read_text()).body if isinstance(n, ast.ClassDef) and n.name == name)


def attributes(cls: ast.ClassDef) -> set[str]:
    """Public attributes: annotated on the class, or assigned to `self` in a method."""
    names = {node.target.id for node in cls.body if isinstance(node, ast.AnnAssign)}
    names |= {
        node.attr
        for node in ast.walk(cls)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and ast.unparse(node.value) == "self"
    }
    return {name for name in names if not name.startswith("_")}


def parameters(cls: ast.ClassDef) -> set[str]:
    init = next(node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    return {each.arg for each in (*init.args.args, *init.args.kwonlyargs)} - {"self"}
