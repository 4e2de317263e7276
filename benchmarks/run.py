"""`make bench`: cold start against a bare HTTP call and against boto3, size of the zip, time of a synth.

Prints tables and writes build/bench.json. With --gate the exit code is 1 when a promise is missed.
"""

from __future__ import annotations

import argparse
import compileall
import io
import json
import os
import platform
import py_compile
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from endpoint import ANSWER, serve
from measure import FailedError, Result, Subject, interleaved
from rich.console import Console
from rich.table import Table

from serverless_ai_patterns import bundle
from serverless_ai_runtime.config import FunctionLlmConfig, to_env

HERE = Path(__file__).parent
ROOT = HERE.parent
PROGRAMS = HERE / "programs"
OUTPUT = ROOT / "build" / "bench.json"
MOST_OF_FLOOR = 2.0
MOST_OF_BOTO3 = 0.35
MOST_BYTES = 200_000

STATELESS = FunctionLlmConfig(
    model="us.amazon.nova-micro-v1:0",
    system_prompt="Answer briefly.",
    max_output_tokens=1024,
    context_tokens=16_000,
    history_turns=0,
    session_ttl_s=0,
    caller_tokens_per_day=0,
    total_tokens_per_day=0,
    store="",
    destination="",
    guardrail_id="",
    guardrail_version="",
    log_content=False,
)
DEFAULT = STATELESS._replace(
    history_turns=10,
    session_ttl_s=86_400,
    caller_tokens_per_day=200_000,
    total_tokens_per_day=2_000_000,
    store="chat",
)

# No site-packages and no user's settings: what a program imports it brings along.
PYTHON = (sys.executable, "-I", "-S")

# Lambda unpacks the zip onto a read-only disk, so every cold start compiles it.
# Against boto3 like is compared with like: both with bytecode.
DEPLOYED = "handler as deployed"
COMPILED = "handler with bytecode"


@dataclass(frozen=True)
class Gate:
    """One promise and what was measured."""

    name: str
    measured: float
    most: float

    @property
    def kept(self) -> bool:
        return self.measured <= self.most


def main() -> int:
    """Measure, print, write; the exit code says whether the promises hold when --gate asks for it."""
    parser = argparse.ArgumentParser(description="Cold start, package size and synth of Function + LLM")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds of the cold start")
    parser.add_argument("--synth-rounds", type=int, default=3, help="rounds of `cdk synth`; 0 leaves it out")
    parser.add_argument("--gate", action="store_true", help="exit with 1 when a promise is missed")
    options = parser.parse_args()
    console = Console(highlight=False)
    archive = bundle.zip_bytes("function_llm", "aws")
    try:
        cold = cold_starts(archive, options.rounds)
        synth = synths(options.synth_rounds) if options.synth_rounds else {}
    except FailedError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    gates = [
        # Of the best times: other work on the machine only ever adds, and would bring the medians together.
        Gate("cold start / floor", cold[DEPLOYED].min_ms / cold["floor"].min_ms, MOST_OF_FLOOR),
        Gate("cold start / boto3", cold[COMPILED].min_ms / cold["boto3"].min_ms, MOST_OF_BOTO3),
        Gate("bytes of the zip", len(archive), MOST_BYTES),
    ]
    console.print(times_table("Cold start: process start to first answer", cold, "floor", "boto3"))
    if synth:
        console.print(times_table("cdk synth", synth, "empty stack"))
    console.print(gates_table(gates))
    write({**cold, **synth}, gates, options.rounds)
    return int(options.gate and not all(gate.kept for gate in gates))


def cold_starts(archive: bytes, rounds: int) -> dict[str, Result]:
    """The handler from its unpacked zip, with and without bytecode, beside the floor and boto3.

    The first round, which does not count, writes boto3's bytecode where Python keeps it.
    """
    with tempfile.TemporaryDirectory() as folder, serve() as port:
        compiled, plain = Path(folder, "compiled"), Path(folder, "plain")
        for root in (compiled, plain):
            with zipfile.ZipFile(io.BytesIO(archive)) as content:
                content.extractall(root)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(compiled, quiet=2, invalidation_mode=mode)
        site = str(Path(boto3.__file__).parents[1])
        subjects = [
            Subject(
                name="floor",
                command=(*PYTHON, str(PROGRAMS / "floor.py"), "127.0.0.1", str(port)),
                expect=ANSWER,
            ),
            handler(DEPLOYED, plain, STATELESS, port),
            handler(f"{DEPLOYED}, sessions and budgets", plain, DEFAULT, port),
            handler(COMPILED, compiled, STATELESS, port),
            Subject(
                name="boto3",
                command=(*PYTHON, *invocation(site, "boto3_handler.chat", PROGRAMS)),
                env=environment(port) | {"MODEL": STATELESS.model, "SYSTEM_PROMPT": STATELESS.system_prompt},
                expect=ANSWER,
            ),
        ]
        return interleaved(subjects, rounds)


def handler(name: str, root: Path, config: FunctionLlmConfig, port: int) -> Subject:
    """The chat handler of the zip that was unpacked into `root`."""
    entry = bundle.handler("function_llm", "aws")
    env = environment(port) | to_env(config) | {"_HANDLER": entry, "AWS_LAMBDA_FUNCTION_NAME": "bench"}
    return Subject(name=name, command=(*PYTHON, "-B", *invocation(str(root), entry)), env=env, expect=ANSWER)


def invocation(root: str, entry: str, *more: Path) -> Sequence[str]:
    """Arguments that make invoke.py call `entry` once."""
    return (
        str(PROGRAMS / "invoke.py"),
        os.pathsep.join((root, *map(str, more))),
        entry,
        str(PROGRAMS / "event.json"),
    )


def environment(port: int) -> dict[str, str]:
    """What Lambda sets, with the stub as the endpoint of every service."""
    return {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_SESSION_TOKEN": "example",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "LANG": "C.UTF-8",
    }


def synths(rounds: int) -> dict[str, Result]:
    """`cdk synth` by the pinned CLI: an empty stack, and the app of this repository."""
    cdk = str(ROOT / "node_modules" / ".bin" / "cdk")
    env = {
        **os.environ,
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "CDK_DISABLE_VERSION_CHECK": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        subjects = [
            Subject(
                name=name,
                command=(
                    cdk,
                    "synth",
                    "--quiet",
                    "--app",
                    f"{sys.executable} {app}",
                    "--output",
                    f"{folder}/{app.stem}",
                ),
                env=env,
                cwd=ROOT / "cdk",
            )
            for name, app in (
                ("empty stack", PROGRAMS / "empty_stack.py"),
                ("Function + LLM", ROOT / "cdk" / "app.py"),
            )
        ]
        return interleaved(subjects, rounds, warm_up=0)


def times_table(title: str, results: Mapping[str, Result], *bases: str) -> Table:
    """Median and best of each subject, and the ratio of its best to that of each of `bases`."""
    table = Table(title=title, title_justify="left")
    table.add_column("Subject")
    for column in ("median ms", "min ms", *(f"min / {base}" for base in bases)):
        table.add_column(column, justify="right")
    for name, result in results.items():
        ratios = (f"{result.min_ms / results[base].min_ms:.2f}" for base in bases)
        table.add_row(name, f"{result.median_ms:.1f}", f"{result.min_ms:.1f}", *ratios)
    return table


def gates_table(gates: Sequence[Gate]) -> Table:
    """Each promise, what was measured and whether it holds."""
    table = Table(title="Promises", title_justify="left")
    table.add_column("Promise")
    for column in ("measured", "at most", ""):
        table.add_column(column, justify="right")
    for gate in gates:
        verdict = "[green]kept[/]" if gate.kept else "[red]missed[/]"
        table.add_row(gate.name, f"{gate.measured:,.2f}".removesuffix(".00"), f"{gate.most:,}", verdict)
    return table


def write(results: Mapping[str, Result], gates: Sequence[Gate], rounds: int) -> None:
    """build/bench.json: every number that the tables are made from."""
    data: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "rounds": rounds,
        "results": {name: result.to_json() for name, result in results.items()},
        "promises": {
            gate.name: {"measured": round(gate.measured, 4), "at_most": gate.most, "kept": gate.kept}
            for gate in gates
        },
    }
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
