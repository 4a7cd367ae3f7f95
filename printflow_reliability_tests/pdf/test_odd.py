"""Legal files as few programs write them: none of them is held."""

import base64
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name

from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability_tests.pdf.files import AS_IT_IS, DEFAULTS, GOOD, Record, changed, inspect, small


def nested_tree(pdf: pikepdf.Pdf) -> None:
    """Pages below nodes of their own, from which they inherit their resources and their size."""
    nodes = []
    for page in [page.obj for page in pdf.pages]:
        node = pdf.make_indirect(Dictionary(Type=Name.Pages, Kids=Array([page]), Count=1, Parent=pdf.Root.Pages))
        for key in ("/Resources", "/MediaBox"):
            node[key] = page[key]
            del page[key]
        page.Parent = node
        nodes.append(node)
    pdf.Root.Pages.Kids = Array(nodes)


def with_entries(**entries: object) -> bytes:
    """The good PDF whose first page has entries besides."""

    def change(pdf: pikepdf.Pdf) -> None:
        for key, value in entries.items():
            pdf.pages[0].obj[f"/{key}"] = value

    return changed(change)


def in_catalog(**entries: object) -> bytes:
    def change(pdf: pikepdf.Pdf) -> None:
        for key, value in entries.items():
            pdf.Root[f"/{key}"] = value

    return changed(change)


def drawn(content: bytes, **resources: object) -> bytes:
    """The good PDF with something drawn on it, out of resources by their categories."""

    def change(pdf: pikepdf.Pdf) -> None:
        for category, named in resources.items():
            pdf.pages[0].obj.Resources[f"/{category}"] = named(pdf) if callable(named) else named
        pdf.pages[0].contents_add(content)

    return changed(change)


def packed(encode: Callable[[bytes], bytes], filters: Name | Array) -> bytes:
    """The good PDF with its first page's content packed in another way."""

    def change(pdf: pikepdf.Pdf) -> None:
        content = encode(pdf.pages[0].Contents.read_bytes())
        pdf.pages[0].obj.Contents = pikepdf.Stream(pdf, content, Filter=filters)

    return changed(change, **AS_IT_IS)


def parts(pdf: pikepdf.Pdf) -> None:
    content = pdf.pages[0].Contents.read_bytes()
    middle = content.index(b"cm") + 2
    streams = [pdf.make_stream(part) for part in (content[:middle], b"", content[middle:])]
    pdf.pages[0].obj.Contents = Array(streams)


def form_field(pdf: pikepdf.Pdf) -> None:
    field = Dictionary(Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T="name", V="Jane", Rect=[0, 0, 99, 20], F=4)
    pdf.Root.AcroForm = Dictionary(Fields=[pdf.make_indirect(field)], NeedAppearances=True)
    pdf.pages[0].obj.Annots = Array([pdf.Root.AcroForm.Fields[0], None])


def hidden_layer(pdf: pikepdf.Pdf) -> None:
    layer = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="Die cut"))
    pdf.Root.OCProperties = Dictionary(OCGs=[layer], D=Dictionary(OFF=[layer]))
    pdf.pages[0].obj.Resources.Properties = Dictionary(MC0=layer)
    pdf.pages[0].contents_add(b"/OC /MC0 BDC 0 0 10 10 re f EMC")


def same_page_twice(pdf: pikepdf.Pdf) -> None:
    pdf.pages.append(pdf.pages[0])


def page_without_resources(pdf: pikepdf.Pdf) -> None:
    pdf.add_blank_page()
    pdf.pages[-1].obj.Contents = pdf.make_stream(b"0 0 9 9 re f")
    del pdf.pages[-1].obj.Resources


def turned_box(pdf: pikepdf.Pdf) -> None:
    left, bottom, right, top = pdf.pages[0].obj.MediaBox
    pdf.pages[0].obj.MediaBox = pdf.make_indirect(Array([right, top, left, bottom]))


def encrypted(version: Literal[2, 3, 4, 6]) -> bytes:
    modern = version >= 4
    return changed(encryption=pikepdf.Encryption(owner="owner", user="", R=version, aes=modern, metadata=modern))


def hybrid() -> bytes:
    """A table whose trailer names a stream of references besides (ISO 32000-2, 7.5.8.4)."""
    content = small()
    start = int(re.findall(rb"startxref\s+(\d+)", content)[-1])
    stream = b"\n9 0 obj\n<< /Type /XRef /Size 10 /W [1 4 1] /Index [9 1] /Length 6 >>\nstream\n"
    entry = b"\x01" + (len(content) + 1).to_bytes(4, "big") + b"\0"
    at = len(content) + 1
    content += stream + entry + b"\nendstream\nendobj\n"
    trailer = b"trailer << /Root 1 0 R /Size 10 /Prev %d /XRefStm %d >>\n" % (start, at)
    return content + b"xref\n0 0\n" + trailer + b"startxref\n%d\n%%%%EOF\n" % (len(content))


def unused(pdf: pikepdf.Pdf) -> None:
    """A form that no page draws, and a font that no text is shown in."""
    pdf.pages[0].obj.Resources.XObject["/Unused"] = pdf.make_stream(bytes(range(1, 256)), Subtype=Name.Form)
    pdf.pages[0].obj.Resources.Font["/Unused"] = Dictionary(Type=Name.Font)


def _with(pdf: pikepdf.Pdf, name: str, resource: pikepdf.Object) -> pikepdf.Object:
    forms = pdf.pages[0].obj.Resources.XObject
    forms[name] = resource
    return forms


REVISIONS: tuple[Literal[2, 3, 4, 6], ...] = (2, 3, 4, 6)
TILE = {"Type": Name.Pattern, "PatternType": 1, "PaintType": 1, "TilingType": 1, "XStep": 9, "YStep": 9}
GLASS = Dictionary(ca=0.5, CA=0.5, BM=Name.Multiply, SMask=Name("/None"))
INK = b"{dup 0 mul exch dup 1 mul exch dup 1 mul exch 0 mul}"
FADE = Dictionary(FunctionType=2, Domain=[0, 1], C0=[1, 0, 0], C1=[0, 0, 1], N=1)
ODD: dict[str, bytes] = {
    "a nested page tree that pages inherit from": changed(nested_tree),
    "a turned page": with_entries(Rotate=90),
    "a page turned more than once around": with_entries(Rotate=-450),
    "a unit of ten points": with_entries(UserUnit=10),
    "a sheet of five metres": with_entries(MediaBox=[0, 0, 14400, 14400]),
    "boxes of every kind": with_entries(ArtBox=[0, 0, 50, 50], BleedBox=[0, 0, 100, 100], CropBox=[0, 0, 100, 100]),
    "a box from its upper right corner": changed(turned_box),
    "content in parts, of which one is empty": changed(parts),
    "a form to fill in": changed(form_field),
    "a hidden layer": changed(hidden_layer),
    "the same page twice": changed(same_page_twice),
    "a page without resources": changed(page_without_resources),
    "transparency": drawn(b"q /GS gs 0 0 9 9 re f Q", ExtGState=Dictionary(GS=GLASS)),
    "a transparency group": with_entries(Group=Dictionary(S=Name.Transparency, CS=Name.DeviceCMYK, I=True)),
    "a spot colour": drawn(
        b"/CS0 cs 1 scn 0 0 9 9 re f",
        ColorSpace=lambda pdf: Dictionary(
            CS0=Array(
                [
                    *(Name.Separation, Name("/PANTONE#20185#20C"), Name.DeviceCMYK),
                    pdf.make_stream(INK, FunctionType=4, Domain=[0, 1], Range=[0, 1] * 4),
                ]
            )
        ),
    ),
    "a shading": drawn(
        b"q 0 0 9 9 re W n /Sh sh Q",
        Shading=Dictionary(Sh=Dictionary(ShadingType=2, ColorSpace=Name.DeviceRGB, Coords=[0, 0, 9, 9], Function=FADE)),
    ),
    "a tiling pattern": drawn(
        b"/Pattern cs /P scn 0 0 99 99 re f",
        Pattern=lambda pdf: Dictionary(P=pdf.make_stream(b"0 0 5 5 re f", BBox=[0, 0, 9, 9], Resources={}, **TILE)),
    ),
    "a form that is empty": drawn(
        b"/E Do", XObject=lambda pdf: _with(pdf, "/E", pdf.make_stream(b"", Subtype=Name.Form, BBox=[0, 0, 0, 0]))
    ),
    "a form for PostScript printers": drawn(
        b"/PS Do", XObject=lambda pdf: _with(pdf, "/PS", pdf.make_stream(b"showpage", Subtype=Name.PS))
    ),
    "a form and a font that nothing uses": changed(unused),
    "content packed twice": packed(
        lambda data: zlib.compress(zlib.compress(data)), Array([Name.FlateDecode, Name.FlateDecode])
    ),
    "content in ASCII85": packed(lambda data: base64.a85encode(data) + b"~>", Name.ASCII85Decode),
    "content in hexadecimal": packed(lambda data: data.hex().encode() + b">", Name.ASCIIHexDecode),
    "content in run lengths": packed(
        lambda data: b"".join(bytes((0, byte)) for byte in data) + b"\x80", Name.RunLengthDecode
    ),
    "content by its short name of a filter": packed(zlib.compress, Name.Fl),
    "a name of a filter that is an object of its own": changed(
        lambda pdf: pdf.pages[0].obj.Contents.__setitem__("/Filter", Array([pdf.make_indirect(Name.FlateDecode)])),
        **AS_IT_IS,
    ),
    **{f"encrypted without a password (revision {version})": encrypted(version) for version in REVISIONS},
    "a table and a stream of references": hybrid(),
    "spread out for a person to read": changed(qdf=True),
    "PDF 1.0": changed(force_version="1.0"),
    "PDF 9.9": GOOD.replace(b"%PDF-1.3", b"%PDF-9.9", 1).replace(b"%PDF-1.4", b"%PDF-9.9", 1),
    "a thousand bytes before the header": bytes(1000) + GOOD,
    "no line's end at the end": GOOD.rstrip(),
    "a script": in_catalog(OpenAction=Dictionary(S=Name.JavaScript, JS="app.alert(1)")),
    "tags for the blind": in_catalog(MarkInfo=Dictionary(Marked=True), StructTreeRoot=Dictionary()),
    "page labels and a way to show them": in_catalog(
        PageLabels=Dictionary(Nums=[0, Dictionary(S=Name.r)]), PageLayout=Name.TwoPageRight
    ),
    "article threads and a language": in_catalog(Threads=Array([Dictionary()]), Lang="de-CH"),
}
"""Legal, though few programs write it."""


@pytest.mark.parametrize("kind", ODD)
def test_what_few_programs_write_is_good_all_the_same(tmp_path: Path, kind: str, record_property: Record) -> None:
    found = inspect(tmp_path, ODD[kind], DEFAULTS, kind, record_property)
    assert found.verdict is Verdict.GOOD, found
