"""The docs say what is: pictures and tables are compared with a deployment, every snippet is run."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from serverless_ai_local import launch
from serverless_ai_local.launch import RunningCloud
from serverless_ai_local.targets.cdk import Cdk
from serverless_ai_patterns.catalogue import CATALOGUE, find

ROOT = Path(__file__).parents[2]
STAND_INS = Path(__file__).parent / "stand_ins"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "docs/local-cloud.md",
    *sorted(ROOT.glob("examples/*/README.md")),
    *(ROOT / "patterns/serverless_ai_patterns" / pattern.slug / "README.md" for pattern in CATALOGUE),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PLANNED = re.compile(r"^make (?=(test|check|setup|bench|build|docs)\b)", re.MULTILINE)
PLANNED_AGAIN = re.compile(rf"{PLANNED.pattern}|^make (?=run$)", re.MULTILINE)


def blocks(kind: str) -> list[object]:
    """Every block of one language on every page, in order."""
    return [
        pytest.param(_planned(page, text), id=f"{page.relative_to(ROOT)}-{number}")
        for page in PAGES
        for number, (language, text) in enumerate(BLOCK.findall(page.read_text()))
        if language == kind
    ]


def _planned(page: Path, script: str) -> str:
    """What a test cannot run inside itself, and what the front page runs already, is only planned."""
    lines = PLANNED if page == ROOT / "README.md" else PLANNED_AGAIN
    return lines.sub("make --dry-run ", script)


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """What `make docs` runs: a script, whose folder Python looks for its other modules in."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        return importlib.import_module("build")
    finally:
        sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    running = launch.start(tmp_path_factory.mktemp("docs"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def endpoint(cloud: RunningCloud) -> str:
    """The endpoint that a reader has after the deployment that the page describes."""
    cdk = Cdk(cloud=cloud, app_dir=ROOT / "cdk")
    cdk.bootstrap()
    return cdk.deploy("FunctionLlm").outputs["endpoint"]


@pytest.fixture(scope="module")
def model_server() -> Iterator[str]:
    """Address of a server in the OpenAI form; it stands in for the one that the docs name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Model(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        answer = {
            "choices": [
                {"message": {"role": "assistant", "content": "Scattering."}, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing: the test says what went wrong."""


@pytest.fixture(scope="module")
def environment(cloud: RunningCloud, endpoint: str, model_server: str) -> dict[str, str]:
    """A reader's shell: the local cloud in the place of an account, stand-ins for what is not installed."""
    path = [
        str(STAND_INS),
        str(Path(sys.executable).parent),
        str(ROOT / "node_modules/.bin"),
        os.environ["PATH"],
    ]
    return {
        **os.environ,
        **cloud.env(),
        "PATH": os.pathsep.join(path),
        "SERVERLESS_AI_STATE_DIR": str(cloud.state_dir),
        "ENDPOINT": endpoint,
        "MODEL_SERVER": model_server,
        "CDK_VALIDATION": "false",
        "CI": "true",
    }


def test_tables_are_those_of_the_code(build: ModuleType) -> None:
    wanted = build.undeployed()
    stale = [str(path.relative_to(ROOT)) for path, content in wanted.items() if path.read_text() != content]
    assert not stale, f"run `make docs`: {stale}"


@pytest.mark.parametrize(
    ("slug", "cloud"), [(pattern.slug, cloud) for pattern in CATALOGUE for cloud in pattern.clouds]
)
def test_tables_and_picture_are_those_of_a_deployment(build: ModuleType, slug: str, cloud: str) -> None:
    pattern = find(slug)
    default, everything = (
        build.deployed(pattern, cloud),
        build.deployed(pattern, cloud, build.EVERYTHING[slug][cloud]),
    )
    page = build.page_of(pattern).read_text()
    assert build.filled(page, build.tables(pattern, cloud, default, everything)) == page, "run `make docs`"
    path, drawn = build.picture(pattern, cloud, everything)
    assert path.read_text() == drawn, "run `make docs`"


@pytest.mark.parametrize("code", blocks("python"))
def test_a_python_snippet_runs(code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "CDK_VALIDATION": "false"},  # the templates are validated in their own tests
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("script", blocks("bash"))
def test_a_shell_snippet_runs(script: str, environment: dict[str, str], tmp_path: Path) -> None:
    if "cloud start" in script:  # a cloud of its own, as for a reader who has none yet
        environment = {**environment, "SERVERLESS_AI_STATE_DIR": str(tmp_path)}
    script = script.replace("127.0.0.1:11434", environment["MODEL_SERVER"])
    script = re.sub(r"(aws-cdk@\S+ deploy)", r"\1 --require-approval never", script)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize(
    "picture",
    [ROOT / f"docs/pictures/{pattern.slug}-{cloud}.svg" for pattern in CATALOGUE for cloud in pattern.clouds],
    ids=lambda path: path.stem,
)
def test_a_picture_names_services_and_not_types(picture: Path) -> None:
    said = re.findall(r"<text[^>]*>([^<]+)</text>", picture.read_text(encoding="utf-8"))
    assert said
    assert not [text for text in said if re.search(r"\w::\w|azure&#45;native:|gcp:\w+/", text)]


def test_links_lead_to_files() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"
