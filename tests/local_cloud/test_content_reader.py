"""What the local AI services find stands in the content that they are given; what cannot be read is said."""

from __future__ import annotations

import io
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_files import mp4, pdf, png, wav
from PIL import Image

from serverless_ai_local.ai.content import ContentReader
from serverless_ai_local.ai.reading import HARMS, Unreadable

READER = ContentReader()
TEXT = "Dr. Ada Lovelace met Charles Babbage in London on 5 June 1833. Acme Analytics Ltd paid €1,200.50."


def test_a_pdf_has_the_words_of_each_of_its_pages() -> None:
    assert [page.strip() for page in READER.pages(pdf("The bridge.", "Its towers."))] == [
        "The bridge.",
        "Its towers.",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (pdf("A page")[:120], "cannot be read"),
        (pdf("A page", password="x"), "password"),
        (b"plain words", "none of PNG"),
        (b"", "none of PNG"),
        (png(400, 400)[:80], "cannot be read"),
    ],
)
def test_what_is_no_scan_has_no_pages(content: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        READER.pages(content)


def test_an_image_says_what_its_text_fields_hold() -> None:
    assert READER.pages(png(description="INVOICE 17 ☂\nTotal 5", keywords="paper")) == [
        "INVOICE 17 ☂\nTotal 5"
    ]
    assert READER.pages(png()) == [""]


def test_a_scan_of_several_frames_has_as_many_pages() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    assert len(READER.pages(out.getvalue())) == 2


def test_labels_are_keywords_and_colours_surest_first() -> None:
    assert READER.labels(png(keywords="house, roof;house")) == [("house", 0.98), ("roof", 0.98), ("Red", 1.0)]
    half = Image.new("RGB", (8, 8), "white")
    half.paste((0, 0, 0), (0, 0, 8, 2))
    out = io.BytesIO()
    half.save(out, "BMP")
    assert READER.labels(out.getvalue()) == [("White", 0.75), ("Black", 0.25)]


def test_keywords_that_windows_wrote_count() -> None:
    image, out = Image.new("RGB", (8, 8), "red"), io.BytesIO()
    exif = image.getexif()
    exif[0x9C9E] = "cat;dog\0".encode("utf-16-le")
    image.save(out, "JPEG", exif=exif)
    assert READER.labels(out.getvalue())[:2] == [("cat", 0.98), ("dog", 0.98)]


def test_a_picture_of_too_many_pixels_is_not_opened() -> None:
    out = io.BytesIO()
    Image.new("1", (12_000, 12_000)).save(out, "PNG")
    with pytest.raises(Unreadable, match="cannot be read"):
        READER.labels(out.getvalue())


@pytest.mark.parametrize("made", [wav, mp4])
def test_a_recording_says_its_lyrics(made: type) -> None:
    assert READER.speech(made("Good morning, harbour ☂")) == "Good morning, harbour ☂"
    assert READER.speech(made()) == ""


def test_what_is_no_recording_says_so() -> None:
    with pytest.raises(Unreadable, match="none of MP3"):
        READER.speech(b"plain words that go on for a while " * 20)


def test_harm_is_found_by_words_and_more_of_them_make_it_surer() -> None:
    assert READER.harm_of_text("A calm day.") == dict.fromkeys(HARMS, 0.0)
    assert READER.harm_of_text("They kill.")["Violence"] == 0.7
    assert READER.harm_of_text("They kill and stab.")["Violence"] == 0.85
    assert READER.harm_of_image(png(keywords="murder"))["Violence"] == 0.7
    assert READER.harm_of_text("skill")["Violence"] == 0.0


def test_entities_are_found_where_they_stand() -> None:
    found = READER.entities(TEXT, "en")
    assert [(one.category, one.text) for one in found] == [
        ("Person", "Ada Lovelace"),
        ("Person", "Charles Babbage"),
        ("Location", "London"),
        ("DateTime", "5 June 1833"),
        ("Organization", "Acme Analytics Ltd"),
        ("Quantity", "€1,200.50"),
    ]


@given(st.text(max_size=300))
def test_entities_of_any_text_stand_in_it_and_do_not_overlap(text: str) -> None:
    end = 0
    for one in READER.entities(text, "en"):
        assert text[one.offset : one.offset + len(one.text)] == one.text
        assert one.offset >= end
        end = one.offset + len(one.text)


@pytest.mark.timeout(20)  # what is not linear in its length takes minutes
@pytest.mark.parametrize("piece", ["A", "Aa ", "1,", "in ", "5 ", "Aa", "$1"])
def test_a_long_text_of_one_kind_comes_to_an_end(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    assert all(text[one.offset :].startswith(one.text) for one in READER.entities(text, "en")[:100])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for read in (READER.pages, READER.labels, READER.speech, READER.harm_of_image):
        with suppress(Unreadable):
            read(content)
