"""Text of documents: every usual encoding and format, and what nobody should open."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_files import W, archive, bomb, docx, pdf, png

from serverless_ai_runtime.documents import UnreadableDocument, read
from serverless_ai_runtime.documents.docx import MAX_PART_BYTES
from serverless_ai_runtime.documents.kinds import kind_of
from serverless_ai_runtime.documents.pdf import OutOfTime
from serverless_ai_runtime.documents.plain import decode

TEXT = "Grüße aus Köln: naïve façade, 12 €."


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_text_is_read_in_every_usual_encoding(encoding: str) -> None:
    assert read(TEXT.encode(encoding), "a.txt").text == TEXT


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=200))
def test_utf_8_comes_back_as_it_was(text: str) -> None:
    assert decode(text.encode()) == text or text.encode()[:2] in (b"\xff\xfe", b"\xfe\xff")


@given(st.binary(max_size=300))
def test_no_bytes_at_all_are_more_than_a_document_or_an_error_with_a_code(body: bytes) -> None:
    try:
        assert read(body, "a.txt").text.strip()
    except UnreadableDocument as error:
        assert error.code  # noqa: PT017
        assert str(error)  # noqa: PT017


def test_the_content_tells_the_kind_and_the_name_only_what_is_open() -> None:
    assert kind_of(pdf("x"), "a.txt") == "pdf"
    assert kind_of(docx("x"), "a.pdf") == "docx"
    assert kind_of(png(), "a.md") == "png"
    assert kind_of(b"# Title", "a.md") == "markdown"
    assert kind_of(b"<!DOCTYPE html><p>x", "a.txt") == "html"
    assert kind_of(bytes(range(256)), "a.txt") == "binary"


def test_a_pdf_is_read_page_by_page() -> None:
    found = read(pdf("First (one)", "Second page"), "a.pdf")
    assert [(one.page, one.text) for one in found.sections] == [(1, "First (one)"), (2, "Second page")]


def test_a_docx_is_read_by_its_headings() -> None:
    found = read(docx("Seven & more", "Eight", heading="Numbers"), "a.docx")
    assert [(one.heading, one.text) for one in found.sections] == [
        ("Numbers", "Numbers\nSeven & more\nEight")
    ]


def test_html_is_read_without_what_is_not_for_readers() -> None:
    page = (
        "<html><head><title>t</title></head><body><h1>The sea</h1><script>alert(1)</script>"
        "<p>Salt &amp; water</p><style>p{}</style><ul><li>one<li>two</ul></body></html>"
    )
    assert read(page.encode(), "a.html").text == "The sea\nSalt & water\none\ntwo"


def test_html_says_its_encoding() -> None:
    page = '<html><meta charset="iso-8859-15"><body>12 ¤</body>'.replace("¤", "\u20ac")
    assert "12 €" in read(page.encode("iso-8859-15"), "a.html").text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_document"),
        (b" \n\t ", "no_text"),
        (png(), "unsupported_type"),
        (pdf(""), "no_text"),
        (pdf("secret", password="x"), "encrypted_document"),
        (b"%PDF-1.7\nnothing of a PDF follows", "damaged_document"),
        (docx("x")[:60], "damaged_document"),
        (archive(b"<w:document"), "damaged_document"),
        (archive(f'<!DOCTYPE d [<!ENTITY a "b">]><w:document xmlns:w="{W}"/>'.encode()), "damaged_document"),
        (archive(f'<w:document xmlns:w="{W}"/>'.encode()), "no_text"),
        (b"\x1f\x8b\x08\x00" + b"\0" * 20, "unsupported_type"),
        (bytes(range(256)) * 4, "unsupported_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_holds_no_text_says_why(body: bytes, code: str) -> None:
    with pytest.raises(UnreadableDocument) as refused:
        read(body, "a")
    assert refused.value.code == code
    assert len(str(refused.value)) > 10


def test_a_truncated_pdf_gives_its_words_or_an_error_and_nothing_else() -> None:
    whole = pdf(*(f"Page {number} of the book" for number in range(5)))
    for end in range(100, len(whole), 97):
        try:
            read(whole[:end], "a.pdf")
        except UnreadableDocument as error:
            assert error.code in ("damaged_document", "no_text")  # noqa: PT017


def test_a_bomb_is_stopped_before_it_fills_the_memory() -> None:
    small = bomb(300)
    assert len(small) < 1_000_000
    tracemalloc.start()
    with pytest.raises(UnreadableDocument) as refused:
        read(small, "a.docx")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.code == "expands_too_much"
    assert peak < 3 * MAX_PART_BYTES


def test_an_entity_that_expands_is_refused_at_its_declaration() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    document = f'<!DOCTYPE d [<!ENTITY l0 "lol">{laughs}]><w:document xmlns:w="{W}">&l9;</w:document>'
    with pytest.raises(UnreadableDocument, match="declares a document type"):
        read(archive(document.encode()), "a.docx")


def test_a_pdf_that_would_take_too_long_is_given_up_for_another_attempt() -> None:
    left = iter((30.0, 30.0, 0.5))
    with pytest.raises(OutOfTime, match="2 of 3 pages were read"):
        read(pdf("a", "b", "c"), "a.pdf", remaining=lambda: next(left))
