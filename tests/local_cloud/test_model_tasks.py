"""The built-in model answers the event pipeline's own prompts, out of nothing but the texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from serverless_ai_local.models.chat import ChatRequest, Turn
from serverless_ai_local.models.extractive import LABEL, ExtractiveModel
from serverless_ai_runtime.core.event_pipeline.model_tasks import Asking, ModelProcessor
from serverless_ai_runtime.core.event_pipeline.ports import Output, Source
from serverless_ai_runtime.core.ports import Answer, Deadline, Prompt

INVOICE = {
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string", "description": "Invoice number"},
        "total": {"type": "number"},
        "pages": {"type": "integer"},
        "paid": {"type": "boolean"},
        "articles": {"type": "array", "items": {"type": "string"}},
        "currency": {"type": "string", "enum": ["EUR", "USD"]},
    },
}


class LocalModel:
    """The local model in the place of a cloud's."""

    name = "local"

    def answer(self, prompt: Prompt, deadline: Deadline) -> Answer:
        turns = [Turn(role=message.role, text=message.text) for message in prompt.messages]
        said = ExtractiveModel().answer(
            ChatRequest(model="local", system=prompt.system, turns=turns, max_tokens=prompt.max_output_tokens)
        )
        return Answer(said.text, said.stop, said.input_tokens, said.output_tokens)


class Silent:
    def __getattr__(self, name: str) -> Any:
        return lambda *given, **named: None


def asked(task: str, options: Mapping[str, Any], *texts: str, output_tokens: int = 300) -> list[Any]:
    processor = ModelProcessor(task, options, LocalModel(), Asking(output_tokens, 4_000))
    sources = [Source("", None, lambda most: b"", text, "0" * 32) for text in texts]
    outcomes = processor.process(sources, Deadline(10), Silent())
    return [outcome.value if isinstance(outcome, Output) else outcome for outcome in outcomes]


def test_a_summary_is_the_first_sentences_that_fit_each_of_its_own_text() -> None:
    lamp, tide = asked(
        "summarize",
        {"max_words": 8},
        "The lamp was lit. It burned all night. Nobody slept in the village then.",
        "The tide came " + "in and " * 20 + "stayed.",
    )
    assert lamp == {"summary": "The lamp was lit. It burned all night."}
    assert tide == {"summary": "The tide came in and in and in"}


def test_a_label_is_the_one_that_the_text_names_most() -> None:
    options = {"labels": ["food", "travel", "office"]}
    travel, unknown = asked("classify", options, "Travels by train, food on board; travel is fun.", "Rain.")
    assert travel == {"label": "travel", "reason": "The text names it 2 times."}
    assert unknown["reason"] == "The text names none of the labels."


def test_a_form_holds_what_the_text_says_in_the_fields_types() -> None:
    (form,) = asked(
        "extract",
        {"json_schema": INVOICE},
        "Invoice number: A-17. Total: EUR 1,012.50\nPages: 3\npaid: yes\nArticles: oak, pine\nCurrency: eur",
    )
    assert form == {
        "invoice_number": "A-17",
        "total": 1012.5,
        "pages": 3,
        "paid": True,
        "articles": ["oak", "pine"],
        "currency": "EUR",
    }


def test_what_the_text_does_not_say_is_left_out_and_not_guessed() -> None:
    (form,) = asked("extract", {"json_schema": INVOICE}, "Total: much\npaid: perhaps\ncurrency: gold")
    assert form == {}


def test_a_translation_is_the_whole_text_marked_with_its_language() -> None:
    (said,) = asked("translate", {"language": "de"}, 'Good "morning",\nharbour.')
    assert said == {"translation": '[de] Good "morning",\nharbour.', "language": "de"}


def test_an_answer_longer_than_allowed_is_cut_as_a_models_is() -> None:
    (outcome,) = asked("translate", {"language": "de"}, "word " * 300, output_tokens=20)
    assert isinstance(outcome, Exception)
    assert "not answer with JSON" in str(outcome) or "cut" in str(outcome)


@pytest.mark.parametrize("text", ["not JSON", '{"items": 3}', "[]", '{"items": [{}]}'])
def test_a_message_that_is_not_such_a_question_is_answered_as_any_other(text: str) -> None:
    system = ModelProcessor("summarize", {"max_words": 9}, LocalModel(), Asking(100, 4_000))._system
    answer = ExtractiveModel().answer(
        ChatRequest(model="local", system=system, turns=[Turn(role="user", text=text)])
    )
    assert answer.text.startswith(LABEL)
