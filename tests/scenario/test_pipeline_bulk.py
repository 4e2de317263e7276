"""A thousand documents under every trouble at once: each has one result or one dead letter, by name."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pipeline_world import PipelineWorld
from world import eventually

UPLOADS = 1000
DUPLICATES, TRANSIENT, POISON = 0.2, 0.1, 0.01
SEED = 20261126
WITHIN_S = 280
VARIANT = "bulk"


@dataclass(frozen=True, kw_only=True)
class Load:
    """Key -> content, and which of them are in for what."""

    files: dict[str, bytes]
    poison: frozenset[str]
    mended: Path
    """Once there is a file here, the poisonous documents can be read."""


def load(folder: Path) -> Load:
    """1 % are poison, 10 % fail once, one kills the function once, one takes longer than it may once."""
    shuffled = [f"in/{number:04}.txt" for number in range(UPLOADS)]
    random.Random(SEED).shuffle(shuffled)
    poison = frozenset(shuffled[: int(UPLOADS * POISON)])
    transient = shuffled[len(poison) : len(poison) + int(UPLOADS * TRANSIENT)]
    crashing, slow = shuffled[-2:]
    files: dict[str, bytes] = {}
    for key in shuffled:
        text = f"Document {key} has seven words in all.\n"
        once = folder / Path(key).stem
        if key in poison:
            text += f"poison-until {folder / 'mended'}\n"
        elif key in transient:
            text += f"fail-once {once}\n"
        elif key == crashing:
            text += f"crash-once {once}\n"
        elif key == slow:
            text += f"slow-once {once}\n"
        files[key] = text.encode()
    return Load(files=files, poison=poison, mended=folder / "mended")


@pytest.mark.timeout(600)
@pytest.mark.row("aws-06", "aws-13", "aws-23", "aws-26", "aws-28", "azure-16", "azure-19", "gcp-04", "gcp-22")
def test_a_thousand_troubled_uploads_are_all_accounted_for_by_name(
    pipeline: PipelineWorld, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    work = load(tmp_path)
    with pipeline.held(duplicates=DUPLICATES, seed=SEED):
        for key, body in work.files.items():
            pipeline.upload(key, body, variant=VARIANT)

    def ended() -> bool:
        return len(pipeline.results(VARIANT)) + len(pipeline.dead_letters(VARIANT)) >= UPLOADS

    # Looking costs a list of them all: more often, and the cloud is busier with that than with the work.
    eventually(ended, within=WITHIN_S, every=3, what="the end of every document")
    results, letters = pipeline.results(VARIANT), pipeline.dead_letters(VARIANT)
    dead = [next(key for key in work.files if key in letter["payload"]) for letter in letters]
    record_property(
        "counts",
        f"{pipeline.target}: {UPLOADS} uploads, {len(results)} results, {len(letters)} dead letters,"
        f" {len(pipeline.completions(VARIANT))} completion events",
    )
    assert Counter(dead) == Counter(work.poison)
    assert results.keys() == work.files.keys() - work.poison
    assert all(result["item"]["id"].endswith("/" + key) for key, result in results.items())
    assert all("cannot be read" in letter["reason"] for letter in letters), letters
    announced = Counter(event["item"]["id"] for event in pipeline.completions(VARIANT))
    assert announced.keys() == {result["item"]["id"] for result in results.values()}
    # Announced at least once: after a crash between announcing and recording it, once more.
    assert sum(announced.values()) <= len(announced) + 2

    shown = pipeline.show_dead_letters(VARIANT)
    assert shown.count("refused_by_processor") == len(letters)
    assert "in/" not in shown  # a message may be confidential

    work.mended.touch()
    assert pipeline.redrive(VARIANT) == f"{len(letters)} messages put back\n"
    eventually(
        lambda: pipeline.results(VARIANT).keys() == work.files.keys(),
        within=90,
        what="the results of the redriven documents",
    )
    assert pipeline.dead_letters(VARIANT) == []


def test_of_versions_that_arrive_out_of_order_the_newest_wins(pipeline: PipelineWorld) -> None:
    keys = [f"in/versions-{number}.txt" for number in range(8)]
    with pipeline.held(duplicates=1.0, seed=7):
        for version in range(1, 6):
            for key in keys:
                pipeline.upload(key, ("word " * version).encode(), variant=VARIANT)

    def newest() -> bool:
        results = pipeline.results(VARIANT)
        return all(results.get(key, {}).get("output", {}).get("words") == 5 for key in keys)

    eventually(newest, within=60, what="the results of the newest versions")
    assert pipeline.dead_letters(VARIANT) == []


def test_a_poisonous_document_delivered_many_times_is_one_dead_letter(
    pipeline: PipelineWorld, tmp_path: Path
) -> None:
    body = f"poison-until {tmp_path / 'never'}".encode()
    with pipeline.held(duplicates=1.0):
        pipeline.upload("in/poison.txt", body, variant=VARIANT)

    def of_it() -> list[dict[str, Any]]:
        return [one for one in pipeline.dead_letters(VARIANT) if "in/poison.txt" in one["payload"]]

    letters = eventually(of_it, within=30, what="the dead letter")
    pipeline.upload("in/after.txt", b"all is well", variant=VARIANT)
    eventually(lambda: "in/after.txt" in pipeline.results(VARIANT), within=30, what="the next document")
    assert len(of_it()) == len(letters) == 1
    assert letters[0]["code"] == "refused_by_processor"
    assert json.loads(letters[0]["payload"])


def test_a_document_that_keeps_killing_the_function_is_buried_and_its_neighbours_are_not(
    pipeline: PipelineWorld, tmp_path: Path
) -> None:
    lines = "\n".join(f"crash-once {tmp_path / str(number)}" for number in range(20))
    pipeline.upload("in/killer.txt", lines.encode(), variant=VARIANT)
    for number in range(5):
        pipeline.upload(f"in/neighbour-{number}.txt", b"all is well", variant=VARIANT)

    def buried() -> bool:
        return any("killer" in letter["payload"] for letter in pipeline.dead_letters(VARIANT))

    eventually(buried, within=240, what="the burial of the killer")
    assert {f"in/neighbour-{number}.txt" for number in range(5)} <= pipeline.results(VARIANT).keys()
    (letter,) = pipeline.dead_letters(VARIANT)
    assert "killer" in letter["payload"]
