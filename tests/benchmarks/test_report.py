"""Tables and JSON say what was measured; a promise is kept up to its very limit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clouds import CLOUDS, Cloud
from cold_start import COMPILED, DEPLOYED, FLOOR, peer_name
from measure import By, Result, Time
from report import Gate, gates_table, times_table, write
from rich.console import Console
from run import busy, main, promises

RESULTS = {FLOOR: Result((Time(10, 5), Time(30, 5))), DEPLOYED: Result((Time(15, 10), Time(19, 9)))}


def printed(*tables: object) -> str:
    console = Console(width=100)
    with console.capture() as capture:
        console.print(*tables)
    return " ".join(capture.get().split())


@pytest.mark.parametrize(("measured", "kept"), [(1.99, True), (2.0, True), (2.0001, False)])
def test_a_promise_is_kept_up_to_its_limit(measured: float, kept: bool) -> None:
    gate = Gate("AWS: cold start / floor", measured, 2.0)
    assert gate.kept is kept
    assert ("kept" if kept else "missed") in printed(gates_table([gate], By.WALL))


@pytest.mark.parametrize(("by", "ratio"), [(By.WALL, "1.50"), (By.CPU, "1.80")])
def test_a_table_compares_by_what_was_asked_for(by: By, ratio: str) -> None:
    text = printed(times_table("Cold start", RESULTS, {"floor": FLOOR}, by, "two calls"))
    assert f"{DEPLOYED} │ 17.0 │ 15.0 │ 9.0 │ {ratio}" in text
    assert "two calls" in text


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
def test_floors_are_compared_as_deployed_and_peers_with_bytecode(cloud: Cloud) -> None:
    cold = {FLOOR: 10.0, DEPLOYED: 15.0, COMPILED: 12.0, peer_name(cloud): 60.0}
    results = {name: Result((Time(ms, ms),)) for name, ms in cold.items()}
    assert [gate.measured for gate in promises(cloud, results, 50_000, By.WALL)] == [1.5, 0.2, 50_000]


@pytest.mark.parametrize(("wall_ms", "waited"), [(40, False), (49, False), (90, True)])
def test_a_machine_is_busy_when_a_bare_call_waits_for_it(wall_ms: float, waited: bool) -> None:
    quick = Time(38, 40)
    assert busy({FLOOR: Result((quick, Time(wall_ms, 40), Time(wall_ms, 40)))}) is waited


def test_every_number_is_written(tmp_path: Path) -> None:
    output = tmp_path / "new" / "bench.json"
    write(output, {"aws": RESULTS}, [Gate("bytes", 10, 9)], rounds=2, by=By.CPU)
    written = json.loads(output.read_text())
    assert written["results"]["aws"][DEPLOYED] == {
        "wall_ms": {"median": 17.0, "min": 15.0, "all": [15.0, 19.0]},
        "cpu_ms": {"median": 9.5, "min": 9.0, "all": [10.0, 9.0]},
    }
    assert written["promises"] == {"bytes": {"measured": 10, "at_most": 9, "kept": False}}
    assert (written["rounds"], written["by"]) == (2, "cpu")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rounds", "0"], "must be a whole number of at least 1, got '0'"),
        (["--synth-rounds", "-1"], "must be a whole number of at least 0, got '-1'"),
        (["--rounds", "many"], "got 'many'"),
        (["--cloud", "ibm"], "choose from"),
        (["--by", "luck"], "choose from"),
    ],
)
def test_a_wrong_option_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert said in capsys.readouterr().err
