"""Words of a PDF, page by page, by pypdf: the one library that goes into the zip."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Final

from serverless_ai_runtime.documents import MAX_CHARS, Section, UnreadableDocument

MAX_PAGES: Final = 5_000
_LEAST_S: Final = 1.0
"""With less time left no further page is begun."""


class OutOfTime(Exception):
    """The time did not suffice for all pages; another attempt may have more."""


def sections(body: bytes, remaining: Callable[[], float]) -> list[Section]:
    """One section a page. Raises `UnreadableDocument`, or `OutOfTime`."""
    import logging

    from pypdf import PdfReader
    from pypdf.errors import LimitReachedError, PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of each flaw that it mends
    found: list[Section] = []
    length = 0
    try:
        reader = PdfReader(io.BytesIO(body))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableDocument("encrypted_document", "the PDF needs a password")
        pages = len(reader.pages)
        if pages > MAX_PAGES:
            raise UnreadableDocument("expands_too_much", f"the PDF has more than {MAX_PAGES} pages")
        for number in range(pages):
            if remaining() < _LEAST_S:
                raise OutOfTime(f"{number} of {pages} pages were read; a longer timeout_s would allow more")
            text = reader.pages[number].extract_text()
            length += len(text)
            if length > MAX_CHARS:
                raise UnreadableDocument("expands_too_much", f"the PDF has more than {MAX_CHARS} characters")
            found.append(Section(text, number + 1))
    except (UnreadableDocument, OutOfTime):
        raise
    except LimitReachedError as error:
        raise UnreadableDocument("expands_too_much", f"the PDF expands beyond its limits: {error}") from None
    except (PyPdfError, *_BROKEN) as error:
        shown = str(error)[:200] or type(error).__name__
        raise UnreadableDocument("damaged_document", f"the PDF cannot be read: {shown}") from None
    return found


# pypdf lets what breaks inside a damaged file come through as it is.
_BROKEN: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)
