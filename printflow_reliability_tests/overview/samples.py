"""Reads the text format of Prometheus by its grammar."""

import re

SAMPLE = re.compile(
    r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? '
    r"(?P<value>[-+0-9.e]+|NaN|[+-]Inf)"
)
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"')
UNESCAPED = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


def read(text: str) -> list[tuple[str, dict[str, str], float]]:
    """The samples of a text, by the grammar of the format."""
    samples = []
    assert text.endswith("\n")
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP|TYPE) [a-zA-Z_:][a-zA-Z0-9_:]* .*", line)
            continue
        found = SAMPLE.fullmatch(line)
        assert found, line
        labels = {
            name: re.sub(r"\\[\\n\"]", lambda escape: UNESCAPED[escape[0]], value)
            for name, value in LABEL.findall(found["labels"] or "")
        }
        samples.append((found["name"], labels, float(found["value"].replace("Inf", "inf"))))
    return samples
