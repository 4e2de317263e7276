"""One deliberate violation of each rule: that rule sees it, and no other takes it for its own."""

from __future__ import annotations

import re

import aws_violations
import azure_violations
import gcp_violations
import pytest
import secret_violations

from serverless_ai_policy import RULES

TABLES = {
    "aws": aws_violations,
    "azure": azure_violations,
    "gcp": gcp_violations,
    "secret": secret_violations,
}
GRAPH_OF = {"secret": "azure"}
"""Whose resources are changed, where that is not the table's own cloud."""
CASES = {
    attribute: [(table, case) for table, module in TABLES.items() for case in getattr(module, attribute)]
    for attribute in ("VIOLATIONS", "MORE", "ALLOWED")
}


@pytest.mark.parametrize("rule", RULES, ids=[rule.id for rule in RULES])
def test_a_violation_is_seen_by_its_rule_and_by_no_other(graph, ids, rule):
    table = rule.id.partition("-")[0]
    changed = TABLES[table].VIOLATIONS[rule.id](graph(GRAPH_OF.get(table, table)))
    found = changed.judged()
    assert ids(found) == {rule.id}
    assert all(rule.mend in each.text and each.resource.name for each in found)
    assert changed.misspelled() == []


def test_no_violation_is_of_a_rule_that_is_gone():
    assert sorted(case for _, case in CASES["VIOLATIONS"]) == sorted(rule.id for rule in RULES)


@pytest.mark.parametrize(("table", "case"), CASES["MORE"])
def test_another_way_to_break_a_rule_is_seen_too(graph, table, case):
    change, rule, told = TABLES[table].MORE[case]
    changed = change(graph(GRAPH_OF.get(table, table)))
    found = [each.text for each in changed.judged() if each.rule.id == rule]
    assert any(re.search(told, text) for text in found), found
    assert changed.misspelled() == []


@pytest.mark.parametrize(("table", "case"), CASES["ALLOWED"])
def test_what_is_safe_is_not_complained_of(graph, table, case):
    changed = TABLES[table].ALLOWED[case](graph(GRAPH_OF.get(table, table)))
    assert [(each.rule.id, each.text) for each in changed.judged()] == []
    assert changed.misspelled() == []
