"""Which files go into a function's zip: the only code that knows where the handlers are."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import io
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import serverless_ai_runtime
from serverless_ai_patterns.catalogue import CATALOGUE, find

PACKAGE = serverless_ai_runtime.__name__
RUNTIME = Path(serverless_ai_runtime.__file__).parent
"""The runtime as Python found it: the same folder rule in a checkout and in site-packages."""

ENTRY_POINTS = {
    "function_llm": {"aws": "aws_lambda", "azure": "azure_functions", "gcp": "gcp_functions"},
    "event_pipeline": {"aws": "aws_queue", "azure": "azure_queue", "gcp": "gcp_push"},
    "rag_ingest": {"aws": "aws_queue", "azure": "azure_queue", "gcp": "gcp_push"},
    "rag_query": {"aws": "aws_lambda", "azure": "azure_functions", "gcp": "gcp_functions"},
}
"""Function -> cloud -> the module of `entrypoints` that speaks its contract. A function is named as its
pattern; where a pattern has several, as the pattern and what it does."""

PATTERN_OF = {"rag_ingest": "rag", "rag_query": "rag"}
"""Pattern of a function that is not named as its pattern alone."""

DOTTED = ("aws",)
"""Clouds that find a handler by its dotted name; the others look for files at the top of the zip, which
`root/<cloud>/<pattern>` holds, and for a function named as the pattern's slug in them."""

ROOT_FILES = (".json", ".py", ".txt")
"""What a host may want there: its settings, a module, requirements."""

LIBRARIES = {"event_pipeline": ("pypdf",), "rag_ingest": ("pypdf",)}
"""Function -> libraries in pure Python that its handler cannot do without."""

STORE_LIBRARIES = {"AlloyDb": ("pg8000", "scramp", "asn1crypto", "dateutil", "six")}
"""Vector store, by the class of its settings -> libraries in pure Python that its adapter cannot do without:
pg8000 and what it imports. `store_files` gives them, to be `extra` in the zips of that store's functions."""

# Every file gets the same mode and time, so that the same source gives the same hash on every machine.
# The time is the earliest one that a zip can hold.
MODE = 0o644
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
UNIX_TIME = 315_532_800


Files = Mapping[str, Path]
"""Path in the zip -> file."""


def bundle(
    pattern: str, cloud: str, *, runtime: Path = RUNTIME, extra: Files | None = None
) -> Mapping[str, Path]:
    """Path in the zip -> file, sorted: what every function shares, its pattern's core, this cloud's edge.

    `pattern` is the function's name: that of its pattern, or for RAG `rag_ingest` or `rag_query`.

    Files of `root/<cloud>` and `root/<cloud>/<pattern>` are at the top of the zip; so is what is `extra`.

    Raises ValueError, which lists what there is, for an unknown pattern or cloud, and for an extra file that
    would take the place of one of ours.
    """
    own = _check(pattern, cloud)
    others = {
        f"{PACKAGE}/{name}.py"
        for other in CATALOGUE
        for name in (f"core/{other.slug}", f"wiring_{other.slug}")
        if other.slug != own
    }
    found = dict(_candidates(runtime, pattern, cloud))
    for library in LIBRARIES.get(pattern, ()):
        found |= _library(library)
    files = {name: file for name, file in found.items() if name not in others}
    taken = sorted(files.keys() & (extra or {}).keys())
    if taken:
        raise ValueError(f"{taken[0]} is a file of the handler's own; an extra one needs another name")
    files |= extra or {}
    return {name: files[name] for name in sorted(files)}


def handler(pattern: str, cloud: str) -> str:
    """The handler's name as the cloud's function resource takes it. Raises ValueError as `bundle` does."""
    _check(pattern, cloud)
    module = ENTRY_POINTS[pattern][cloud]
    return f"{PACKAGE}.entrypoints.{module}.{pattern}" if cloud in DOTTED else pattern


def stage(pattern: str, cloud: str, into: Path, *, extra: Files | None = None) -> Path:
    """Copy the bundle into folder `into` (made, emptied) with fixed modes and times; returns it.

    Raises ValueError when `into` holds anything but an earlier stage: a wrong path must not cost files.
    """
    files = bundle(pattern, cloud, extra=extra)
    tops = {name.split("/")[0] for name in files}
    foreign = sorted({path.name for path in into.iterdir()} - tops) if into.exists() else []
    if foreign:
        raise ValueError(f"{into} must be new, empty or an earlier stage; it holds {foreign[0]}")
    for top in tops:
        shutil.rmtree(into / top, ignore_errors=True)
    for name, source in files.items():
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
        target.chmod(MODE)
        os.utime(target, (UNIX_TIME, UNIX_TIME))
    return into


def zip_bytes(pattern: str, cloud: str, *, extra: Files | None = None) -> bytes:
    """The bundle as a zip; the same bytes for the same source."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, source in bundle(pattern, cloud, extra=extra).items():
            entry = zipfile.ZipInfo(name, ZIP_TIME)
            entry.create_system = 3  # Unix, so that the mode below is read on every machine that made the zip
            entry.external_attr = MODE << 16
            archive.writestr(entry, source.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def digest(pattern: str, cloud: str, *, extra: Files | None = None) -> str:
    """SHA-256 (hex) over names and contents; unlike the zip's it does not depend on the compressor."""
    state = hashlib.sha256()
    for name, source in bundle(pattern, cloud, extra=extra).items():
        content = source.read_bytes()
        state.update(f"{name}\0{len(content)}\0".encode() + content)
    return state.hexdigest()


_ASK_FOR_THEIR_VERSION = ("pg8000", "scramp")


def store_files(store: str) -> Files:
    """What the adapter of a vector store needs in the zip beside the runtime; most need nothing."""
    return {path: file for name in STORE_LIBRARIES.get(store, ()) for path, file in _library(name).items()}


def _library(name: str) -> dict[str, Path]:
    """Path in the zip -> file of an installed library in pure Python, with its licence."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ValueError(
            f"{name} is not installed, and goes into the function's zip: pip install "
            '"serverless-ai-patterns[cdk]" (or [pulumi-aws], [pulumi-azure], [pulumi-gcp])'
        )
    origin = Path(found.origin)
    distributed = importlib.metadata.packages_distributions()[name][0]
    listed = importlib.metadata.files(distributed) or ()
    licences = [one for one in listed if one.name.upper().startswith("LICENSE")]
    if origin.stem != "__init__":  # a module and no package
        return {origin.name: origin, **{f"{name}.LICENSE": Path(str(one.locate())) for one in licences[:1]}}
    files = {
        f"{name}/{path.relative_to(origin.parent).as_posix()}": path for path in origin.parent.rglob("*.py")
    }
    # Some ask for their own version, which stands beside them.
    about = [one for one in listed if one.name == "METADATA"]
    files |= {one.as_posix(): Path(str(one.locate())) for one in about if name in _ASK_FOR_THEIR_VERSION}
    return files | {f"{name}/LICENSE": Path(str(one.locate())) for one in licences[:1]}


def _check(function: str, cloud: str) -> str:
    """The pattern of `function`; raises ValueError."""
    pattern = PATTERN_OF.get(function, function)
    clouds = find(pattern).clouds
    if function not in ENTRY_POINTS:
        functions = ", ".join(name for name, of in PATTERN_OF.items() if of == pattern)
        raise ValueError(f"{pattern} has several functions: name one of {functions}")
    if cloud not in clouds:
        raise ValueError(f"cloud of {pattern} must be one of {', '.join(clouds)}; got {cloud!r}")
    return pattern


def _candidates(runtime: Path, pattern: str, cloud: str) -> Iterator[tuple[str, Path]]:
    """Path in the zip and file of everything that this pattern's functions may need on this cloud."""
    folders = (*_FOLDERS, *_PATTERN_FOLDERS.get(pattern, ()))
    entry = ENTRY_POINTS[pattern][cloud]
    modules = [
        *(path for folder in folders for path in (runtime / folder.format(cloud=cloud)).glob("*.py")),
        *(
            runtime / "entrypoints" / f"{module}.py"
            for module in ("__init__", entry, *_BESIDE.get(entry, ()))
        ),
    ]
    for path in modules:
        yield f"{PACKAGE}/{path.relative_to(runtime).as_posix()}", path
    for folder in (runtime / "root" / cloud, runtime / "root" / cloud / pattern):
        for path in folder.glob("*"):
            if path.suffix in ROOT_FILES:
                yield path.name, path


_BESIDE: Mapping[str, tuple[str, ...]] = {
    "aws_queue": ("batches",),
    "azure_queue": ("batches",),
    "gcp_push": ("batches",),
}
"""Module of `entrypoints` -> others there that it needs."""
_FOLDERS = (".", "core", "adapters", "adapters/{cloud}")
_PATTERN_FOLDERS = {
    "event_pipeline": ("core/event_pipeline", "documents", "adapters/{cloud}/ai"),
    "rag_ingest": ("core/rag", "core/event_pipeline", "documents"),
    "rag_query": ("core/rag",),
}
