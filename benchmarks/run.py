"""`make bench`: cold starts beside a bare HTTP call and the usual SDKs, documents beside a loop, RAG, synth.

Prints tables and writes build/bench.json. With --gate the exit code is 1 when a promise is missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from clouds import CLOUDS, PATTERN, Cloud
from cold_start import COMPILED, DEPLOYED, FLOOR, cold_starts, peer_name
from measure import By, FailedError, Result
from rag import rag, rag_promises, work_table
from report import Gate, gates_table, times_table, write
from rich.console import Console
from synth import EMPTY, synths
from throughput import LOOP, PIPELINE, throughput
from throughput import PATTERN as PIPELINE_PATTERN

from serverless_ai_patterns import bundle

OUTPUT: Final = Path(__file__).parents[1] / "build" / "bench.json"
MOST_OF_FLOOR: Final = 2.0
MOST_OF_LOOP: Final = 1.0
MOST_BYTES: Final = 200_000
BUSY: Final = 1.25


def main(arguments: Sequence[str] | None = None, clouds: Sequence[Cloud] = CLOUDS) -> int:
    """Measure, print, write; the exit code says whether the promises hold when --gate asks for it."""
    options = _parser().parse_args(arguments)
    by = By(options.by)
    console = Console(highlight=False)
    clouds = [cloud for cloud in clouds if cloud.name in (options.cloud or _NAMES)]
    archives = {cloud.name: bundle.zip_bytes(PATTERN, cloud.name) for cloud in clouds}
    try:
        cold = cold_starts(clouds, archives, options.rounds)
        synth = synths(options.synth_rounds) if options.synth_rounds else {}
        documents = _documents(options.pipeline_rounds) if options.pipeline_rounds else {}
        retrieval = rag(options.rag_rounds) if options.rag_rounds else {}
    except FailedError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    gates = [gate for c in clouds for gate in promises(c, cold[c.name], len(archives[c.name]), by)]
    for cloud in clouds:
        bases = {"floor": FLOOR, "peer": peer_name(cloud)}
        title = f"{cloud.title}: process start to first answer"
        console.print(times_table(title, cold[cloud.name], bases, by, _calls(cloud)))
    if documents:
        of_loop = documents[PIPELINE].ratio(documents[LOOP], by)
        gates.append(Gate("Event pipeline: a document / plain boto3 loop", of_loop, MOST_OF_LOOP))
        title = "Event pipeline on AWS: own work for one document"
        console.print(times_table(title, documents, {"loop": LOOP}, by, "Both make the same 9 HTTP calls."))
    gates += rag_promises(retrieval, by)
    for wait_ms, measured in retrieval.items():
        console.print(work_table(wait_ms, measured, by))
    if synth:
        console.print(times_table("cdk synth", synth, {"empty": EMPTY}, by))
    console.print(gates_table(gates, by))
    if by is By.WALL and any(busy(results) for results in cold.values()):
        console.print("The machine was busy with other things: compare with --by cpu, or measure later.")
    results = cold | ({"synth": synth} if synth else {}) | ({"documents": documents} if documents else {})
    works = {f"rag, {ms} ms: {name}": one for ms, found in retrieval.items() for name, one in found.items()}
    write(options.output, {**results, **works}, gates, rounds=options.rounds, by=by)
    return int(options.gate and not all(gate.kept for gate in gates))


def promises(cloud: Cloud, cold: Mapping[str, Result], zip_bytes: int, by: By) -> list[Gate]:
    """What is promised of one cloud, beside what was measured."""
    of_floor = cold[DEPLOYED].ratio(cold[FLOOR], by)
    of_peer = cold[COMPILED].ratio(cold[peer_name(cloud)], by)
    return [
        Gate(f"{cloud.title}: cold start / floor", of_floor, MOST_OF_FLOOR),
        Gate(f"{cloud.title}: cold start / {cloud.peer.distribution}", of_peer, cloud.peer.most),
        Gate(f"{cloud.title}: bytes of the zip", zip_bytes, MOST_BYTES),
    ]


def _documents(rounds: int) -> dict[str, Result]:
    return throughput(bundle.zip_bytes(PIPELINE_PATTERN, "aws"), rounds)


def busy(cold: Mapping[str, Result]) -> bool:
    """Whether the bare call, which hardly waits for anything else, had to wait for a CPU."""
    floor = cold[FLOOR]
    return floor.median_ms(By.WALL) > BUSY * floor.median_ms(By.CPU)


def _calls(cloud: Cloud) -> str:
    if cloud.calls == 1:
        return "The handler makes 1 HTTP call, as floor and peer do."
    return f"The handler makes {cloud.calls} HTTP calls, floor and peer 1: it also asks for its token."


_NAMES: Final = [cloud.name for cloud in CLOUDS]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Cold start, package size and synth of Function + LLM")
    option = parser.add_argument
    option("--rounds", type=_whole(1), default=15, help="interleaved rounds of the cold start")
    option("--synth-rounds", type=_whole(0), default=3, help="rounds of `cdk synth`; 0 leaves it out")
    option("--pipeline-rounds", type=_whole(0), default=5, help="rounds of the pipeline; 0 leaves it out")
    option("--rag-rounds", type=_whole(0), default=3, help="rounds of RAG; 0 leaves it out")
    option("--cloud", action="append", choices=_NAMES, help="one of them; again for more (default: all)")
    option("--by", choices=[by.value for by in By], default=By.WALL.value, help="times to compare by")
    option("--output", type=Path, default=OUTPUT, help="where the numbers go as JSON")
    option("--gate", action="store_true", help="exit with 1 when a promise is missed")
    return parser


def _whole(least: int) -> Callable[[str], int]:
    """Reads a whole number of at least `least`."""

    def whole(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}, got {text!r}")
        return int(text)

    return whole


if __name__ == "__main__":
    sys.exit(main())
