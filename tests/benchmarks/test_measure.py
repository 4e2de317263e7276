"""What counts as a measurement: the time to the answer, in rounds, and nothing that failed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from measure import By, FailedError, Result, Subject, Time, interleaved


def python(code: str, name: str = "subject", expect: str = "answer", **more: Any) -> Subject:
    return Subject(name=name, command=(sys.executable, "-I", "-S", "-c", code), expect=expect, **more)


def measured(subject: Subject) -> Result:
    return interleaved([subject], rounds=1, warm_up=0)[subject.name]


def test_every_round_runs_every_subject_once_and_the_first_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"open({str(log)!r}, 'a').write('{{0}}'); print('answer')"
    results = interleaved([python(code.format(name), name) for name in "abc"], rounds=2)
    assert log.read_text() == "abc" * 3
    assert {name: len(result.times) for name, result in results.items()} == {"a": 2, "b": 2, "c": 2}


def test_the_clock_stops_at_the_answer_and_not_at_the_end() -> None:
    code = "import time; print('a log line'); print('answer', flush=True); time.sleep(1)"
    whole = measured(python(code, expect="")).min_ms(By.WALL)
    assert whole >= 1000
    assert measured(python(code)).min_ms(By.WALL) < whole - 300


def test_what_a_subject_computes_is_told_from_what_it_waits_for() -> None:
    waits = measured(python("import time; time.sleep(0.5); print('answer')"))
    assert waits.min_ms(By.CPU) < waits.min_ms(By.WALL) - 300
    computes = measured(
        python("import time\nwhile time.process_time() < 0.4: pass\nprint('answer')", expect="")
    )
    assert computes.min_ms(By.CPU) >= 400


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('something else')", "something else"),
        ("raise SystemExit('no table')", "no table"),
        ("print('answer', flush=True); raise SystemExit('came apart later')", "came apart later"),
        ("import sys; sys.stderr.write('e' * 300_000 + 'at last')", "at last"),
        ("", "ended with 0 and not with an answer"),
    ],
)
def test_a_subject_that_does_not_do_what_is_measured_fails_with_what_it_said(code: str, said: str) -> None:
    with pytest.raises(FailedError, match=said):
        measured(python(code))


def test_a_subject_that_hangs_is_ended() -> None:
    with pytest.raises(FailedError, match="ended with -9"):
        measured(python("import time; time.sleep(60)", timeout_s=0.3))


def test_a_ratio_is_one_of_best_times() -> None:
    base, result = Result((Time(10, 4), Time(90, 5))), Result((Time(30, 8), Time(20, 6)))
    assert result.ratio(base, By.WALL) == 2
    assert result.ratio(base, By.CPU) == 1.5
    assert base.median_ms(By.WALL) == 50
