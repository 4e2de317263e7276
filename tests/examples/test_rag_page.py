"""The page of the RAG example in a real browser: questions, answers, and whatever an API may say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import SHIFT, Browser, Page
from rag_page import ANSWER, Asked, Said, StubApi, gcloud, html, said, serving, stub_api

MISSING = {**ANSWER, "answer": "The documents do not answer this.", "citations": [], "cache": "embedding"}
PASSAGES = {
    "passages": [{"document": "faq.md", "section": "Queues", "text": "By hand.", "score": 2}],
    "cache": "none",
}
HOSTILE = [
    "<img src=x onerror=\"window.hacked='img'\">",
    "<script>window.hacked = 'script'</script>",
    "</p></article><svg onload=\"window.hacked='svg'\"><a href=\"javascript:window.hacked='link'\">here</a>",
    "[here](javascript:alert(1)) {{constructor.constructor('alert(1)')()}} &lt;b&gt;",
    "\u202egnp.exe \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "long" * 3000,
    "line one\n\n    line two\twith a tab",
    "null\x00byte \u2028 \U0001f9ea e\u0301\u0301\u0301\u0301",
]
BIDI = "[...new Set([...document.querySelectorAll('bdi')].map((one) => getComputedStyle(one).unicodeBidi))]"
# Every text of the page, with the contrast to what is behind it.
CONTRAST = """
(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3)
      .map((one) => one / 255).map((one) => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    const colour = getComputedStyle(one).backgroundColor;
    return colour.startsWith("rgba") && colour.endsWith(", 0)") ? behind(one.parentElement) : colour;
  };
  const shown = [...document.querySelectorAll("body *")]
    .filter((one) => one.checkVisibility() && !one.disabled)
    .filter((one) => [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim()));
  return Object.fromEntries(shown.map((one) => {
    const [most, least] = [getComputedStyle(one).color, behind(one)].map(light).sort((a, b) => b - a);
    return [`${one.tagName}.${one.className} ${one.textContent}`, (most + 0.05) / (least + 0.05)];
  }));
})()
"""


def fault(status: int, message: str, retry_after: int = 0) -> Said:
    """An error as the API says it."""
    headers = {"retry_after": str(retry_after)} if retry_after else {}
    return said({"error": {"code": "some_code", "message": message}}, status, **headers)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.end()


@pytest.fixture(scope="module")
def stub() -> Iterator[StubApi]:
    with stub_api() as stub:
        yield stub


@pytest.fixture(scope="module")
def address(stub: StubApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(f"{stub.url}/api/", gcloud(tmp_path_factory.mktemp("gcloud"))) as address:
        yield address


@pytest.fixture
def api(stub: StubApi) -> StubApi:
    stub.reset()
    return stub


@pytest.fixture
def page(browser: Browser, address: str, api: StubApi) -> Iterator[Page]:
    with browser.page(address) as page:
        ready(page)
        yield page


def ready(page: Page) -> None:
    """The question has the focus: what is typed goes there."""
    page.until("document.activeElement.id === 'question'")


def ask(page: Page, question: str = "What is it for?") -> None:
    """By keyboard, and wait for what comes of it."""
    before = len(page.texts(".answer, .problem"))
    page.type(question)
    page.press("Enter")
    page.until(f"document.querySelectorAll('.answer, .problem').length > {before}")


def test_an_answer_is_shown_with_its_citations_as_footnotes(page: Page, api: StubApi) -> None:
    ask(page)
    assert page.text("h2") == "What is it for?"
    assert page.run("document.querySelector('.answer .text').firstChild.data") == ANSWER["answer"]
    assert page.texts("sup a") == ["1", "2"]
    assert page.texts(".notes .document") == ["guide.pdf", "faq.md"]
    assert page.texts(".notes .place") == ["page 3", "section Queues"]
    assert page.texts(".notes .score") == ["score 0.87", "score 0.50"]
    assert page.texts(".notes blockquote") == ["keeps every message that failed", "It is looked at by hand."]
    assert page.text(".facts") == "Nothing from the cache · 1,412 tokens read, 58 written"
    assert [(one.path, one.body) for one in api.asked] == [("/api/ask", {"question": "What is it for?"})]
    assert page.run("document.querySelector('#question').value") == ""
    assert page.complaints() == []


def test_a_reference_leads_to_its_footnote(page: Page) -> None:
    ask(page)
    page.click("sup:nth-of-type(2) a")
    page.until("document.querySelector(':target')?.innerText.startsWith('faq.md')")
    assert page.run("document.activeElement === document.querySelector(':target')")


def test_a_question_that_the_documents_do_not_answer_says_so(page: Page, api: StubApi) -> None:
    api.reply = said(MISSING)
    ask(page)
    assert page.text(".missing .badge") == "Not in the documents"
    assert page.text(".missing .text") == "The documents do not answer this."
    assert page.texts(".notes, sup") == []
    assert page.text(".facts").startswith("The question’s embedding from the cache")


def test_a_cached_answer_says_that_it_cost_nothing(page: Page, api: StubApi) -> None:
    api.reply = said({**ANSWER, "cache": "answer", "usage": {"input_tokens": 0, "output_tokens": 0}})
    ask(page)
    assert page.text(".facts") == "Answer from the cache · no tokens"


def test_a_follow_up_is_of_the_same_session_until_a_new_conversation(page: Page, api: StubApi) -> None:
    ask(page)
    ask(page, "And why?")
    assert page.texts("h2") == ["What is it for?", "And why?"]
    page.click("#fresh")
    assert page.texts("h2, .answer") == []
    ask(page, "Something else")
    bodies = [one.body for one in api.asked]
    assert [one.get("session_id") for one in bodies] == [None, "session-1", None]
    ids = page.run("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


def test_a_question_may_be_narrowed_to_documents(page: Page, api: StubApi) -> None:
    page.click("#documents")
    page.type(" guide.pdf,, a b.md ,guide.pdf,")
    page.click("#question")
    ask(page)
    assert api.asked[0].body["filter"] == {"documents": ["guide.pdf", "a b.md"]}
    assert page.text(".scope") == "Only in guide.pdf, a b.md"
    page.run("document.querySelector('#documents').value = ' , '")
    ask(page, "And elsewhere?")
    assert "filter" not in api.asked[1].body


def test_passages_are_found_without_an_answer(page: Page, api: StubApi) -> None:
    ask(page)
    api.reply = said(PASSAGES)
    page.type("queues")
    page.click("#search")
    page.until("document.querySelectorAll('.answer').length === 2")
    assert api.asked[1].path == "/api/search"
    assert api.asked[1].body == {"question": "queues"}, "a search is of no session"
    note = page.text(".turn:nth-child(2) .notes li")
    assert note.split("\n") == ["faq.md", "section Queues", "score 2.00", "", "By hand."]


def test_the_keyboard_is_enough(page: Page, api: StubApi) -> None:
    assert page.run("document.activeElement.id") == "question"
    page.press("Enter")
    page.type(" ")
    page.press("Enter")
    assert page.texts(".turn") == [], "nothing is asked without words"
    page.type("First")
    page.press("Enter", SHIFT)
    ask(page, "second line")
    assert api.asked[0].body["question"] == "First\nsecond line"
    page.press("Tab")
    page.type("guide.pdf")
    page.press("Tab", SHIFT)
    page.type("Again")
    page.press("Tab")
    page.press("Enter")
    page.until("document.querySelectorAll('.answer').length === 2")
    assert api.asked[1].path == "/api/ask"
    page.run("document.querySelector('#fresh').focus()")
    order = []
    for _ in range(7):
        page.press("Tab")
        order.append(page.run("document.activeElement.id || document.activeElement.ariaLabel"))
        assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert order == [*["Footnote 1", "Footnote 2"] * 2, "question", "documents", "ask"]


def test_whatever_the_api_says_stays_text(page: Page, api: StubApi) -> None:
    page.look(width=320)
    for hostile in HOSTILE:
        note = {"document": hostile, "section": hostile, "quote": hostile, "score": 1}
        api.reply = said({**ANSWER, "answer": hostile, "citations": [note], "session_id": hostile})
        page.run(
            f"document.querySelector('#documents').value = {said(hostile.replace(',', ';')).body.decode()}"
        )
        ask(page, "Is it?")
        last = ".turn:last-child"
        assert page.run(f"document.querySelector('{last} .text').firstChild.data") == hostile
        assert page.run(f"document.querySelector('{last} .document').textContent") == hostile
        assert page.run(f"document.querySelector('{last} blockquote').textContent") == hostile
        api.reply = fault(400, hostile)
        ask(page, "Is it?")
        assert page.run("document.querySelector('.problem:last-child .text').textContent") == hostile
        page.click("#fresh")
    assert page.run("window.hacked === undefined")
    assert page.run("document.querySelectorAll('img, svg, main script, iframe, b').length") == 0
    complaints = [one for one in page.complaints() if "status of 400" not in one]
    assert complaints == []


def test_scripts_of_another_alphabet_and_long_words_spoil_no_line(page: Page, api: StubApi) -> None:
    page.look(width=320)
    words = ["long" * 3000, "\u05e9\u05dc\u05d5\u05dd", "\u202e\u05d0 abc"]
    notes = [{"document": one, "section": one, "quote": one, "score": 1} for one in words]
    api.reply = said({**ANSWER, "answer": words[1], "citations": notes})
    page.run(f"document.querySelector('#documents').value = {said(','.join(words)).body.decode()}")
    ask(page, words[0])
    assert page.run("document.documentElement.scrollWidth === document.documentElement.clientWidth")
    assert page.run("getComputedStyle(document.querySelector('.answer .text')).direction") == "rtl"
    assert page.run(BIDI) == ["isolate"]
    assert len(page.texts("bdi")) == 9, "each name stands alone: in the scope, and as document and section"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (fault(400, "top_k must be a number"), ["cannot be answered as it is", "top_k must be a number"]),
        (html(401), ["not logged in", "identity token"]),
        (html(403), ["may not ask", "invokers"]),
        (fault(429, "budget exceeded", 30), ["Too many", "budget exceeded", "Ask again in 30 seconds, at "]),
        (fault(429, "budget exceeded", 20000), ["Ask again in 6 hours, at "]),
        (html(429), ["Too many questions", "no instance free"]),
        (fault(503, "Vertex AI is full", 1), ["busy", "Vertex AI is full", "Ask again in 1 second, at "]),
        (fault(502, "Firestore refused the call"), ["not answered", "Firestore refused the call"]),
        (html(200), ["not answered", "200 with something"]),
        (Said(200, b'{"answer": ', {"content-type": "application/json"}), ["200 with something"]),
        (said(["answer"]), ["not one that this page knows"]),
        (said({**ANSWER, "citations": None}), ["not one that this page knows"]),
    ],
    ids=["400", "401", "403", "429", "day", "429-html", "503", "502", "html", "torn", "list", "no-list"],
)
def test_what_went_wrong_is_said(page: Page, api: StubApi, reply: Said, words: list[str]) -> None:
    api.reply = reply
    ask(page)
    problem = page.text(".problem[role=alert]")
    assert [word for word in words if word not in problem] == [], problem
    assert page.texts(".answer") == []


def test_a_citation_may_lack_what_it_should_have(page: Page, api: StubApi) -> None:
    api.reply = said(
        {"answer": "So it is.", "citations": [{}, None, {"document": 7, "page": "x", "score": "y"}]}
    )
    ask(page)
    assert page.texts(".notes .document") == ["?", "?", "7"]
    assert page.texts(".place, .score") == []
    assert page.complaints() == []


def test_the_same_may_be_asked_again(page: Page, api: StubApi) -> None:
    ask(page)
    api.reply = fault(404, "no such session")
    ask(page, "And why?")
    api.reply = said(ANSWER)
    page.click(".problem button")
    page.until("document.querySelectorAll('.answer').length === 2")
    assert page.texts(".problem") == []
    assert page.texts("h2") == ["What is it for?", "And why?"]
    assert page.run("document.activeElement.id") == "question"
    assert [one.body.get("session_id") for one in api.asked] == [None, "session-1", None], (
        "it begins a new one"
    )


def test_waiting_is_shown_and_may_be_stopped(page: Page, api: StubApi) -> None:
    api.reply = fault(502, "Not now")
    ask(page, "Failed")
    api.reply = said(ANSWER)
    api.go_on.clear()
    page.type("Slow")
    page.press("Enter")
    page.until("document.querySelector('#elapsed').innerText === '1 s'")
    assert page.text("#status") == "Looking for the answer…"
    assert page.texts("button:disabled") == ["Ask again", "Ask", "Find passages"]
    page.type("Impatient")
    page.press("Enter")
    assert page.texts("h2") == ["Failed", "Slow"], "one question at a time; the next may be written"
    page.click("#stop")
    page.until("document.querySelectorAll('.problem').length === 2")
    assert "You stopped it." in page.text(".turn:last-child .problem")
    assert page.texts("button:disabled") == []
    assert page.text("#status") == ""
    api.go_on.set()
    ask(page, "!")
    assert page.texts("h2") == ["Failed", "Slow", "Impatient!"]
    assert page.texts(".turn:nth-child(2) .answer") == [], "what comes late is not shown"
    assert [one.body.get("session_id") for one in api.asked] == [None, None, None]


def test_a_new_conversation_forgets_what_is_waited_for(page: Page, api: StubApi) -> None:
    api.go_on.clear()
    page.type("Slow")
    page.press("Enter")
    page.until("document.querySelector('#waiting').checkVisibility()")
    page.click("#fresh")
    page.until("!document.querySelector('#waiting').checkVisibility()")
    api.go_on.set()
    ask(page, "Another")
    assert page.texts("h2") == ["Another"]
    assert [one.body.get("session_id") for one in api.asked] == [None, None]


def test_a_page_whose_server_has_gone_says_so(browser: Browser, api: StubApi, tmp_path: Path) -> None:
    with browser.page() as page:
        with serving(api.url, gcloud(tmp_path)) as address:
            page.open(address)
            ready(page)
        ask(page)
        assert "Is serve.py still running?" in page.text(".problem")


def test_whoever_is_not_logged_in_is_told_how(browser: Browser, api: StubApi, tmp_path: Path) -> None:
    program = gcloud(tmp_path) / "gcloud"
    program.write_text(
        "#!/bin/sh\necho 'You do not currently have an active account selected.' >&2\nexit 1\n"
    )
    with serving(api.url, tmp_path) as address, browser.page(address) as page:
        ready(page)
        ask(page)
        assert "run `gcloud auth login`" in page.text(".problem")
        program.unlink()
        page.click(".problem button")
        page.until("document.querySelector('.problem')?.innerText.includes('gcloud could not be run')")
    assert api.asked == []


def test_another_site_in_the_browser_may_not_ask(browser: Browser, address: str, api: StubApi) -> None:
    simple = "{method: 'POST', mode: 'no-cors', body: JSON.stringify({question: 'x'})}"
    with browser.page(f"http://elsewhere.example:{api.server_port}/") as page:
        # A request that needs no leave to be sent arrives, and is refused there.
        page.run(f"fetch('{address}/ask', {simple}).then(() => 'sent', String)")
    # A name whose owner lets it lead to 127.0.0.1 makes the other site a page of this server.
    with browser.page(f"http://elsewhere.example:{address.rpartition(':')[2]}/") as page:
        assert "This page is at http://127.0.0.1:" in page.text("body")
        own = "fetch('/ask', {method: 'POST', headers: {'content-type': 'application/json'}, body: '{}'})"
        assert page.run(f"{own}.then((response) => response.status)") == 403
    assert api.asked == []


def test_the_page_can_neither_run_markup_nor_reach_another_host(page: Page, api: StubApi) -> None:
    with pytest.raises(RuntimeError, match="TrustedHTML"):
        page.run("document.body.innerHTML = '<b>x</b>'")
    with pytest.raises(RuntimeError, match="Failed to fetch"):
        page.run(f"fetch('{api.url}/ask', {{method: 'POST', body: '{{}}'}})")
    script = "Object.assign(document.createElement('img'), {src: 'http://elsewhere.example/x.png'})"
    assert page.run(f"new Promise((done) => {{ {script}.onerror = () => done('refused') }})") == "refused"
    assert api.asked == []
    assert all("Content Security Policy" in one or "TrustedHTML" in one for one in page.complaints())


def test_every_control_has_a_name_and_the_conversation_is_announced(page: Page) -> None:
    ask(page)
    tree: list[dict[str, Any]] = page.call("Accessibility.getFullAXTree")["nodes"]
    named = [
        (one["role"]["value"], one["name"]["value"])
        for one in tree
        if one.get("role", {}).get("value") in ("button", "textbox", "log", "link", "form", "list")
    ]
    assert sorted(named) == [
        ("button", "Ask"),
        ("button", "Find passages"),
        ("button", "New conversation"),
        ("form", "Ask"),
        ("link", "Footnote 1"),
        ("link", "Footnote 2"),
        ("list", "Where it says so"),
        ("log", "Conversation"),
        ("textbox", "Only in these documents (optional, comma separated)"),
        ("textbox", "Your question"),
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read_in_light_and_in_dark(page: Page, api: StubApi, *, dark: bool) -> None:
    page.look(dark=dark)

    def reply(asked: Asked) -> Said:
        replies = {
            "a": said(ANSWER),
            "m": said(MISSING),
            "e": fault(429, "Why", 9),
        }
        return replies[asked.body["question"]]

    api.reply = reply
    page.run("document.querySelector('#documents').value = 'guide.pdf'")
    for question in "ame":
        ask(page, question)
    api.go_on.clear()
    page.type("a")
    page.press("Enter")
    page.until("document.querySelector('#waiting').checkVisibility()")
    contrast: dict[str, float] = page.run(CONTRAST)
    assert len(contrast) > 20
    assert {text: ratio for text, ratio in contrast.items() if ratio < 4.5} == {}
    api.go_on.set()
