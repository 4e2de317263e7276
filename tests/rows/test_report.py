"""The row tool: it counts marks and nothing else, and a mark that names no promise is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPORT = Path(__file__).with_name("report.py")
HEAD = "id\tsection\tgroup\trow\n"
ROWS = HEAD + 'a-01\tAlpha\tFirst\tAnswers over HTTP\na-02\tAlpha\t\tSays "no" [politely]\n'
PROMISED = (
    'import pytest\n@pytest.mark.row("a-01")\ndef test_answers():\n    raise SystemExit("must not run")\n'
)


def report(folder: Path, rows: str, **files: str) -> subprocess.CompletedProcess[str]:
    (folder / "rows.tsv").write_text(rows)
    (folder / "pytest.ini").write_text(
        "[pytest]\naddopts = -ra --strict-markers\nmarkers = row(*ids): promises\n"
    )
    tests = folder / "tests"
    tests.mkdir()
    for name, text in files.items():
        (tests / f"{name}.py").write_text(text)
    return subprocess.run(
        [sys.executable, REPORT, "--tests", tests, "--rows", folder / "rows.tsv"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_row_is_listed_with_its_tests_and_the_others_as_missing(tmp_path: Path) -> None:
    done = report(tmp_path, ROWS, test_one=PROMISED)
    shown, _, missing = done.stdout.partition("nothing shows yet")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a-01" in shown
    assert "tests/test_one.py::test_answers" in shown
    assert "a-01" not in missing
    assert 'Says "no" [politely]' in missing
    assert "2 promises: 1 shown, 1 not yet" in missing


def test_variants_of_a_test_are_counted_and_named_once(tmp_path: Path) -> None:
    variants = (
        "import pytest\n"
        '@pytest.mark.row("a-01", "a-02", "a-01")\n'
        '@pytest.mark.parametrize("target", ["cdk", "pulumi"])\n'
        "def test_both(target): ...\n"
    )
    done = report(tmp_path, ROWS, test_one=variants)
    assert done.stdout.count("test_one.py::test_both x2") == 2
    assert "2 promises: 2 shown, 0 not yet" in done.stdout


def test_a_mark_on_a_class_or_module_counts_for_its_tests(tmp_path: Path) -> None:
    module = 'import pytest\npytestmark = pytest.mark.row("a-02")\nclass TestIt:\n    def test_a(self): ...\n'
    assert "test_one.py::TestIt::test_a" in report(tmp_path, ROWS, test_one=module).stdout


def test_a_mark_in_a_file_that_pytest_does_not_collect_shows_nothing(tmp_path: Path) -> None:
    assert "2 promises: 0 shown, 2 not yet" in report(tmp_path, ROWS, checks=PROMISED).stdout


@pytest.mark.parametrize(
    ("rows", "test", "message"),
    [
        (
            ROWS,
            PROMISED.replace("a-01", "a-99"),
            "no such row in the table of promises: a-99 (in tests/test_one.py",
        ),
        (ROWS, PROMISED.replace('"a-01"', ""), "a row mark takes one or more ids as text, got ()"),
        (ROWS, PROMISED.replace('"a-01"', "1"), "a row mark takes one or more ids as text, got (1,)"),
        (ROWS, PROMISED.replace('"a-01"', 'id="a-01"'), "a row mark takes one or more ids"),
        (ROWS, "import nothing_like_this\n", "cannot be collected"),
        (ROWS + "a-01\tAlpha\tFirst\tAgain\n", PROMISED, "rows.tsv:4: a-01 is there twice"),
        (
            ROWS + "a-03\tAlpha\tFirst\n",
            PROMISED,
            "rows.tsv:4: a row has an id, a section, a group and a text",
        ),
        ("id\trow\n", PROMISED, "the columns must be id, section, group, row"),
    ],
)
def test_what_is_wrong_is_said_and_fails(tmp_path: Path, rows: str, test: str, message: str) -> None:
    done = report(tmp_path, rows, test_one=test)
    assert done.returncode == 2
    assert message in " ".join(done.stdout.split())


def test_the_table_of_this_repository_is_whole() -> None:
    lines = (REPORT.parents[1] / "rows.tsv").read_text(encoding="utf-8").splitlines()
    ids = [line.split("\t")[0] for line in lines[1:]]
    assert len(ids) == len(set(ids)) == 178
