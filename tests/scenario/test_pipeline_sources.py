"""Every way into a pipeline, and that what comes in another way's clothes does not."""

from __future__ import annotations

import json
import time

import pytest
from pipeline_world import PipelineWorld
from world import eventually


@pytest.mark.row("aws-12", "aws-23", "azure-19", "gcp-04")
def test_an_upload_becomes_a_result_a_record_of_its_cost_and_a_completion_event(
    pipeline: PipelineWorld,
) -> None:
    text = "The lighthouse was built in 1871. Its keeper lit the lamp each evening. Ships could see it."
    pipeline.upload("in/reports/light house.txt", text.encode())
    results = eventually(pipeline.results, what="the result")
    result = results["in/reports/light house.txt"]
    assert "lighthouse" in result["output"]["summary"]
    assert result["status"] == "done"
    assert result["item"]["source"] == "upload"
    assert result["item"]["version"]
    assert result["usage"]["input_tokens"] > 0
    assert result["usage"]["cost_usd"] > 0
    assert result["processor_version"]
    (event,) = eventually(pipeline.completions, what="the completion event")
    assert event["item"] == result["item"]
    assert event["result"]["key"] == "results/in/reports/light house.txt.json"
    assert "lighthouse" not in json.dumps(event).replace("light house", "")


def test_what_the_filter_leaves_out_is_not_looked_at(pipeline: PipelineWorld) -> None:
    pipeline.upload("elsewhere/a.txt", b"Not for the pipeline.")
    pipeline.upload("in/b.txt", b"For the pipeline this is.")
    eventually(pipeline.results, what="the result")
    time.sleep(1)
    assert list(pipeline.results()) == ["in/b.txt"]
    assert pipeline.dead_letters() == []


@pytest.mark.row("aws-26", "gcp-05", "gcp-23")
def test_a_message_is_processed_and_a_duplicate_by_its_own_id_is_not(pipeline: PipelineWorld) -> None:
    body = json.dumps({"id": "order-7", "message": "Seven chairs were ordered. They are of oak."})
    pipeline.send(body)
    eventually(pipeline.results, what="the result")
    pipeline.send(body)
    pipeline.send("Plain text is a message as well. It needs no envelope.")
    results = eventually(
        lambda: pipeline.results() if len(pipeline.results()) == 2 else None, what="the second result"
    )
    assert results is not None
    texts = [result["output"]["summary"] for result in results.values()]
    assert any("chairs" in text for text in texts)
    assert any("envelope" in text for text in texts)
    assert len(pipeline.model_calls()) == 2


@pytest.mark.row("practice-04")
def test_a_payload_too_large_for_a_queue_comes_by_claim_check(pipeline: PipelineWorld) -> None:
    text = "The harbour froze in winter. Nobody sailed. " + "x" * 10 + " word" * 12_000
    pipeline.upload("claims/large.txt", text.encode())
    pipeline.send(json.dumps({"object": {"key": "claims/large.txt"}}))
    results = eventually(pipeline.results, within=30, what="the result")
    assert "claims/large.txt" in results
    pipeline.send(json.dumps({"object": {"key": "claims/nothing.txt"}}))
    (letter,) = eventually(pipeline.dead_letters, within=30, what="the dead letter of a missing claim")
    assert letter["code"] == "object_missing"


@pytest.mark.row("aws-30")
def test_a_schedule_puts_in_a_message(pipeline: PipelineWorld) -> None:
    pipeline.fire_schedule()
    (result,) = eventually(pipeline.results, what="the result of the schedule").values()
    assert "noon" in result["output"]["summary"]
    assert result["item"]["source"] == "schedule"


@pytest.mark.row("aws-29", "aws-31", "azure-17", "azure-18")
def test_events_of_the_bus_are_let_in_by_their_content(pipeline: PipelineWorld) -> None:
    pipeline.emit("warehouse", {"message": "The shelf is empty. It is number nine."})
    pipeline.emit("shop", {"message": "The lamp was sold. It was red."})
    (result,) = eventually(pipeline.results, what="the result of the event").values()
    assert "lamp" in result["output"]["summary"]
    time.sleep(1)
    assert len(pipeline.results()) == 1


@pytest.mark.row("aws-27", "gcp-05")
def test_two_pipelines_on_one_topic_each_get_only_theirs(pipeline: PipelineWorld) -> None:
    pipeline.publish("Invoice number: A-17. Total: 12.50", {"kind": "invoice"})
    pipeline.publish("A ticket for travel by train. The travel took two hours.", {"kind": "ticket"})
    pipeline.publish("A memo for nobody.", {"kind": "memo"})
    pipeline.publish("No kind at all.", {})
    (invoice,) = eventually(lambda: pipeline.results("invoices"), what="the invoice").values()
    (receipt,) = eventually(lambda: pipeline.results("receipts"), what="the receipt").values()
    assert invoice["output"] == {"invoice_number": "A-17", "total": 12.5}
    assert receipt["output"]["label"] == "travel"
    assert {invoice["item"]["source"], receipt["item"]["source"]} == {"topic"}
    time.sleep(1)
    assert len(pipeline.results("invoices")) == len(pipeline.results("receipts")) == 1
    assert pipeline.dead_letters("invoices") == pipeline.dead_letters("receipts") == []


def test_what_the_model_leaves_out_of_a_form_is_a_dead_letter_with_the_reason(
    pipeline: PipelineWorld,
) -> None:
    pipeline.publish("Nothing of what the form asks is in here.", {"kind": "invoice"})
    (letter,) = eventually(
        lambda: pipeline.dead_letters("invoices"), within=150, what="the dead letter after all attempts"
    )
    assert "invoice_number" in letter["reason"]
    assert pipeline.results("invoices") == {}


@pytest.mark.row("practice-03")
def test_a_model_that_fails_for_a_while_is_asked_again(pipeline: PipelineWorld) -> None:
    pipeline.model_fault("refuse", times=2)
    pipeline.upload("in/patience.txt", b"Patience is rewarded. It takes time.")
    results = eventually(pipeline.results, within=60, what="the result after retries")
    assert "Patience" in results["in/patience.txt"]["output"]["summary"]
    assert pipeline.dead_letters() == []


def test_documents_and_summaries_are_in_no_log(pipeline: PipelineWorld) -> None:
    pipeline.upload("in/secret.txt", b"The password of the vault is Rosebud. Tell nobody.")
    eventually(pipeline.results, what="the result")
    logs = eventually(pipeline.logs, what="the log")
    assert not any("Rosebud" in line for line in logs)


def test_a_translation_says_its_language(pipeline: PipelineWorld) -> None:
    pipeline.send("Good morning to the harbour.", variant="translate")
    (result,) = eventually(lambda: pipeline.results("translate"), what="the translation").values()
    assert result["output"]["language"] == "de"
    assert "harbour" in result["output"]["translation"]
