"""The bytes around a PDF: where it begins and ends, and what an upload may have left in between.

Junk before the header and behind the end is common in good files. A second file behind the first, or the framing of a
chunked upload inside the bytes, is not: most of what was meant to be printed is not what is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap

from printflow_reliability.pdf.inspection import Problem

HEAD_BYTES = 1024
"""Where the header is looked for, as readers do."""
HEADER = b"%PDF-"
END = b"%%EOF"
OBJECT = re.compile(rb"[\r\n]\d{1,10} \d{1,5} obj\b")
REFERENCE = re.compile(rb"(?<![\d.])(\d{1,10}) (\d{1,5}) R(?![A-Za-z0-9])")
HIGHEST_NUMBER, HIGHEST_GENERATION = 8_388_607, 65_535
BLANK = b"\0 \r\n\t"
SOMETHING = re.compile(rb"[^\0 \r\n\t]")
JOINED = re.compile(rb"%%EOF([\s\S]{0,1024}?)%PDF-\d")
CHUNK = re.compile(rb"[0-9a-fA-F]{1,16}(?:;chunk-signature=[0-9a-f]{64})?\r\n\Z")
"""The line before each part of an `aws-chunked` body: its length, and its signature where parts are signed."""
CHUNK_SIGNATURE = re.compile(rb"\r\n[0-9a-f]{1,16};chunk-signature=[0-9a-f]{64}\r\n")


@dataclass(frozen=True)
class Frame:
    """What lies around the PDF in a file.

    Attributes:
        header: where it begins; None if there is no header.
        ended: whether an end marker comes after the last object.
        problems: what makes the file another one than was meant.
    """

    header: int | None
    ended: bool
    problems: tuple[Problem, ...]


def read_frame(content: bytes | mmap) -> Frame:
    """Look at the bytes of a file, without parsing it."""
    start = content[:HEAD_BYTES].find(HEADER)
    end = content.rfind(END)
    ended = end >= 0 and OBJECT.search(content, end) is None
    return Frame(start if start >= 0 else None, ended, tuple(_problems(content, start)))


def _problems(content: bytes | mmap, start: int) -> Iterator[Problem]:
    framed = start > 0 and CHUNK.search(content[:start]) is not None
    if framed or CHUNK_SIGNATURE.search(content):
        yield Problem("upload_framing", "the framing of a chunked upload (aws-chunked) lies inside its bytes")
    # An attachment that is not packed ends, and another begins, within streams of their own.
    if any(b"stream" not in between[1] for between in JOINED.finditer(content)):
        yield Problem("joined", "two PDFs were joined into one file, of which only the last is read")


KINDS = (
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a ZIP file (or a document of an office program)"),
    (b"%!PS", "PostScript"),
    (b"\xff\xd8\xff", "a JPEG"),
    (b"\x89PNG", "a PNG"),
    (b"JVBERi0", "a PDF in Base64"),
    (b"<?xml", "XML"),
    (b"<svg", "an SVG"),
    (b"{", "JSON"),
)
UNKNOWN_KIND = "something else"


def references(content: bytes | mmap) -> frozenset[tuple[int, int]]:
    """The objects that are referred to outside of packed streams, by number and generation."""
    found = {(int(number), int(generation)) for number, generation in REFERENCE.findall(content)}
    return frozenset(
        reference for reference in found if 0 < reference[0] <= HIGHEST_NUMBER and reference[1] <= HIGHEST_GENERATION
    )


def kind_of_file(content: bytes | mmap) -> str:
    """What a file is that has no header of a PDF, for a person."""
    head = content[:HEAD_BYTES]
    if not head.strip(BLANK) and SOMETHING.search(content):
        return "a file whose beginning was overwritten with NULs"
    return kind_of(head)


def kind_of(head: bytes) -> str:
    """What a file is that is no PDF, for a person."""
    start = head.lstrip()
    if not head.strip(BLANK):
        return "empty"
    if b"<html" in head.lower() or start.lower().startswith(b"<!doctype html"):
        return "an HTML page"
    if b"<Error>" in head and b"<Code>" in head:
        return "an error message of a store"
    return next((kind for sign, kind in KINDS if start.startswith(sign)), UNKNOWN_KIND)
