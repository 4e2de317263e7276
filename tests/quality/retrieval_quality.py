"""How well passages are found: the share of questions whose answer is among the first, and how far up.

A question is answered by a quote of one document. A passage that holds the quote, whatever the white space,
is a hit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
NOWHERE = "nowhere"
"""The kind of the questions that no document answers: they are to try abstention with."""
FIRST = 5
"""Passages among which the answer must be, to count as found."""
DEPTH = 10
"""Passages that are looked at; an answer further down counts nothing."""

Finder = Callable[[str], Sequence[str]]
"""Question -> texts of passages, the best first; of `DEPTH` at least, if there are as many."""


class Question(NamedTuple):
    kind: str
    """`shared` words with the passage, `paraphrased`, a rare `name`, or `NOWHERE`."""
    question: str
    document: str = ""
    quote: str = ""


class Quality(NamedTuple):
    """Of a number of questions, both from 0 to 1."""

    hit: float
    """Share of the questions with a hit among the first `FIRST` passages."""
    mrr: float
    """Mean of 1 / rank of the first hit."""


class Gate(NamedTuple):
    """What a store must not fall below in one mode."""

    store: str
    mode: str
    least: Quality

    def kept(self, measured: Quality) -> bool:
        return measured.hit >= self.least.hit and measured.mrr >= self.least.mrr


def documents() -> dict[str, bytes]:
    """Name -> content of every document of the corpus."""
    return {path.name: path.read_bytes() for path in sorted(CORPUS.iterdir()) if path.name != "README.md"}


def questions() -> list[Question]:
    """Those that a document answers."""
    return [one for one in _all() if one.kind != NOWHERE]


def unanswerable() -> list[Question]:
    """Those that none does."""
    return [one for one in _all() if one.kind == NOWHERE]


def gates() -> list[Gate]:
    lines = (HERE / "gates.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = (line.split("\t") for line in lines)
    return [Gate(store, mode, Quality(float(hit), float(mrr))) for store, mode, hit, mrr in rows]


def measured(find: Finder, asked: Sequence[Question]) -> dict[str, Quality]:
    """Kind of question -> quality; all of them under ""."""
    ranks = [(one.kind, rank(find(one.question)[:DEPTH], one.quote)) for one in asked]
    kinds = dict.fromkeys(["", *(kind for kind, _ in ranks)])
    return {kind: _quality([found for of, found in ranks if kind in ("", of)]) for kind in kinds}


def rank(passages: Sequence[str], quote: str) -> int:
    """Of the first passage that holds the quote, from 1; 0 if none does."""
    wanted = plain(quote)
    return next((number for number, text in enumerate(passages, 1) if wanted in plain(text)), 0)


def plain(text: str) -> str:
    return " ".join(text.split())


def table(modes: Mapping[str, Mapping[str, Quality]]) -> str:
    """Lines for people: a mode a line, hit and MRR by kind of question."""
    kinds = list(next(iter(modes.values())))
    head = f"{'':<10}" + "".join(f"{kind or 'all':>20}" for kind in kinds)
    units = f"{'':<10}" + f"{f'hit@{FIRST}':>13}{'MRR':>7}" * len(kinds)
    rows = [
        f"{mode:<10}" + "".join(f"{found[kind].hit:>13.3f}{found[kind].mrr:>7.3f}" for kind in kinds)
        for mode, found in modes.items()
    ]
    return "\n".join((head, units, *rows))


def _all() -> list[Question]:
    return [Question(**one) for one in json.loads((HERE / "questions.json").read_text(encoding="utf-8"))]


def _quality(ranks: Sequence[int]) -> Quality:
    hits = sum(0 < one <= FIRST for one in ranks)
    return Quality(hits / len(ranks), sum(1 / one for one in ranks if one) / len(ranks))
