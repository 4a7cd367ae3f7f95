"""Source that nobody wrote by hand ends in an answer: too deep, in circles, of thousands of parts."""

from pathlib import Path

import pytest

from printflow_reliability_tests.posture.platforms import judged
from printflow_reliability_tests.posture.well_kept import WELL_KEPT

DEEP = 2000
RENDERER = "services/renderer/src/a.js"
SOURCES: dict[str, tuple[str, str | bytes]] = {
    "defaults of defaults": (
        "config/a.php",
        "<?php return ['strict_mode' => " + "env('A', " * DEEP + "1" + ")" * DEEP + "];",
    ),
    "arrays": ("config/a.php", "<?php return " + "['strict_mode' => " * DEEP + "1" + "]" * DEEP + ";"),
    "parentheses": (
        "app/A.php",
        "<?php class A implements \\Illuminate\\Contracts\\Queue\\ShouldQueue { public $tries = "
        f"{'(' * DEEP}1{')' * DEEP}; }}",
    ),
    "blocks": ("app/A.php", "<?php " + "if (!Storage::exists($a)) {" * 500 + "continue;" + "}" * 500),
    "a chain of calls": ("app/A.php", "<?php $a" + "->b()" * DEEP + ";"),
    "a line of ancestors": ("app/A.php", "<?php " + "".join(f"class C{n} extends C{n + 1} {{}} " for n in range(500))),
    "objects": (
        RENDERER,
        "const a = " + "{b: " * DEEP + "1" + "}" * DEEP + "; new Queue('a', {defaultJobOptions: a});",
    ),
    "spreads in a circle": (RENDERER, "const s = {...s}; new Queue('b', {defaultJobOptions: s});"),
    "spreads of spreads": (
        RENDERER,
        "".join(f"const o{n} = {{...o{n + 1}}};" for n in range(100)) + "new Queue('a', {defaultJobOptions: o0});",
    ),
    "nothing": ("app/A.php", ""),
    "no PHP": ("app/A.php", "plain text"),
    "HTML": ("app/A.php", "<html><?= $a ?></html>"),
    "bytes of no text": ("app/A.php", b"<?php class \xff\xfe extends \xff {}"),
    "a terminal's escape": ("app/A.php", b"<?php class A\x1b { }"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_hostile_source_ends_in_an_answer(kind: str, tmp_path: Path) -> None:
    path, content = SOURCES[kind]
    files: dict[str, str | bytes] = {**WELL_KEPT, path: content}
    assert len(judged(tmp_path, files)) > 50
