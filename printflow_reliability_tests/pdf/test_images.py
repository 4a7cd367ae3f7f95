"""Images whose pixels are not all there, and those that only look like it."""

import base64
import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Name

from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability_tests.pdf.files import (
    AS_IT_IS,
    DEFAULTS,
    Record,
    changed,
    first_image,
    inspect,
    jpeg,
    with_image,
)
from printflow_reliability_tests.pdf.image_files import (
    END,
    KINDS,
    PAGE,
    REGION,
    RUNS,
    SRGB,
    TEXT,
    WHOLE,
    fax,
    jbig2,
    palette,
    picture,
    placed,
    profile,
    restarted,
    sampled,
    spot,
    without_entry,
)


def image_behind(encode: Callable[[bytes], bytes], *filters: Name) -> bytes:
    """The good PDF whose first image is a JPEG cut in half and packed once more."""

    def packed(pdf: pikepdf.Pdf) -> None:
        first_image(pdf).write(encode(jpeg()[: len(jpeg()) // 2]), filter=pikepdf.Array([*filters, Name.DCTDecode]))

    return changed(packed, **AS_IT_IS)


DAMAGED: dict[str, bytes] = {
    **{f"{kind}, cut in half": placed(data[: len(data) // 2]) for kind, data in KINDS.items()},
    **{f"{kind}, cut in half and ended": placed(data[: len(data) // 2] + END) for kind, data in KINDS.items()},
    **{f"{kind}, cut near its end": placed(data[:-200]) for kind, data in KINDS.items()},
    **{
        f"{kind}, with a block twice": placed(data[:6000] + data[2000:])
        for kind, data in KINDS.items()
        if "progressive" not in kind
    },
    **{f"{kind}, without a block": placed(data[:2000] + data[6000:]) for kind, data in KINDS.items()},
    **{f"{kind}, with a hole": placed(data[:2000] + bytes(4096) + data[6096:]) for kind, data in KINDS.items()},
    "an HTML page for a JPEG": placed(b"<html>404 Not Found</html>"),
    "a PNG for a JPEG": placed(picture("RGB", "PNG")),
    "a JPEG that lacks its last byte of pixels": with_image(jpeg()[:-3]),
    "a JPEG without a byte": placed(b""),
    "a JPEG that lacks a restart interval": placed(restarted(7)),
    "a JPEG that is cut at a restart marker": placed(restarted()[: restarted().rindex(b"\xff\xd1")]),
    "a progressive JPEG that lacks its last scan": placed(
        (data := KINDS["a progressive JPEG"])[: data.rindex(b"\xff\xda")] + END
    ),
    "a cut JPEG behind ASCII85": image_behind(lambda data: base64.a85encode(data) + b"~>", Name.ASCII85Decode),
    "a cut JPEG behind Flate": image_behind(zlib.compress, Name.FlateDecode),
    "a JPEG 2000 cut in its header": placed(picture("RGB", "JPEG2000")[:60], Name.JPXDecode),
    "a JPEG 2000 cut in half": placed((data := picture("RGB", "JPEG2000"))[: len(data) // 2], Name.JPXDecode),
    "a JPEG 2000 that lacks tiles": placed(
        (data := picture("RGB", "JPEG2000", tile_size=(64, 64)))[: data.rindex(b"\xff\x90\x00\x0a")] + END,
        Name.JPXDecode,
    ),
    "a fax image without a byte": fax(0),
    "a fax image cut in half": fax(1500),
    "a fax image that lacks its last rows": fax(-100),
    "a JBIG2 image without a byte": jbig2(b""),
    "a JBIG2 image cut in half": jbig2((PAGE + REGION)[:200]),
    "a JBIG2 image without pixels": jbig2(PAGE),
    "a JBIG2 image whose symbols are gone": jbig2(PAGE + TEXT),
    "fewer pixels than its size says": sampled(bytes(5000)),
    "run lengths that are cut": sampled(RUNS[:5000], Name.RunLengthDecode),
    "an image without a width": without_entry("/Width"),
    "an image without a height": without_entry("/Height"),
    "an image without area": without_entry("/Height", 0),
    "an image without a colour space": without_entry("/ColorSpace"),
    "an image in a colour space that nobody knows": without_entry("/ColorSpace", Name.DeviceFoo),
    "an RGB JPEG that is called gray": without_entry("/ColorSpace", Name.DeviceGray),
    "a palette with colours missing": palette(256, 100),
    "a colour profile without a number of colours": profile(SRGB),
    "a spot colour that is nowhere mixed": spot(None),
    "a filter that nobody knows": sampled(bytes(10_000), Name.PotatoDecode),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_an_image_that_lacks_pixels_is_damage(tmp_path: Path, kind: str, record_property: Record) -> None:
    found = inspect(tmp_path, DAMAGED[kind], DEFAULTS, kind, record_property)
    assert found.verdict is Verdict.UNUSABLE, found
    assert "image_damaged" in {problem.code for problem in found.problems}, found


@pytest.mark.parametrize("kind", WHOLE)
def test_an_image_with_all_of_its_pixels_is_not_held(tmp_path: Path, kind: str, record_property: Record) -> None:
    content, verdict = WHOLE[kind]
    found = inspect(tmp_path, content, DEFAULTS, kind, record_property)
    assert found.verdict is verdict, found
