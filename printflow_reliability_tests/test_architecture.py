"""What keeps the code findable: no class and no module that does not fit in a head, and no test inside another."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import printflow_reliability
import printflow_reliability_tests

CLASS_LINES = 150
MODULE_LINES = 350
PACKAGES = [Path(package.__path__[0]) for package in (printflow_reliability, printflow_reliability_tests)]
MODULES = {
    f"{package.name}/{module.relative_to(package)}": module
    for package in PACKAGES
    for module in sorted(package.rglob("*.py"))
}


def complaints(text: str, package: str = "") -> Iterator[str]:
    """What is wrong with a module of a package; classes within others count too."""
    if (lines := len(text.splitlines())) > MODULE_LINES:
        yield f"{lines} lines, more than {MODULE_LINES}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and (lines := _body_lines(node)) > CLASS_LINES:
            yield f"class {node.name} has {lines} lines, more than {CLASS_LINES}"
        for name in _imported(node, package):
            if any(part.startswith("test_") for part in name.split(".")[:-1]):
                yield f"line {getattr(node, 'lineno', 0)} imports {name} from a test module"


def _body_lines(node: ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.body[0].lineno + 1


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    """The whole names that an import makes known; of a module itself, as if all of it were named."""
    if isinstance(node, ast.Import):
        yield from (f"{name.name}.*" for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: -(node.level - 1) or None] if node.level else []
        module = ".".join((*above, *((node.module,) if node.module else ())))
        for name in node.names:
            yield f"{module}.{name.name}"
            if name.name.startswith("test_"):  # a module of that package, or a test of that module
                yield f"{module}.{name.name}.*"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_fits_in_a_head_and_imports_no_test(name: str) -> None:
    package = ".".join(Path(name).parent.parts)
    assert list(complaints(MODULES[name].read_text(encoding="utf-8"), package)) == []


def test_all_of_the_product_and_its_tests_is_looked_at() -> None:
    assert "printflow_reliability/cli.py" in MODULES
    assert "printflow_reliability_tests/test_architecture.py" in MODULES
    assert "printflow_reliability_tests/stack/conftest.py" in MODULES


def class_of(lines: int) -> str:
    return "class Large:\n" + "    a = 1\n" * lines


@pytest.mark.parametrize(
    "text",
    [
        class_of(CLASS_LINES),
        "a = 1\n" * MODULE_LINES,
        "from printflow_reliability_tests.stack.shop import Shop",
        "from printflow_reliability.checks import testing",
        "import pytest",
        "from . import shop",
    ],
)
def test_what_is_just_small_enough_and_a_shared_module_pass(text: str) -> None:
    assert list(complaints(text, "printflow_reliability_tests.stack")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (class_of(CLASS_LINES + 1), "class Large has 151 lines"),
        ("def f():\n" + "".join(f"    {line}\n" for line in class_of(151).splitlines()), "class Large has 151 lines"),
        ("a = 1\n" * (MODULE_LINES + 1), "351 lines"),
        ("from printflow_reliability_tests.stack.test_files import Shop", "test_files.Shop"),
        ("def f():\n    from printflow_reliability_tests.test_bad_input import said", "line 2 imports"),
        ("import printflow_reliability_tests.stack.test_files as files", "stack.test_files"),
        ("from printflow_reliability_tests.stack import test_files", "stack.test_files"),
        ("from .test_files import Shop", "stack.test_files.Shop"),
        ("from ..test_bad_input import said", "printflow_reliability_tests.test_bad_input.said"),
        ("from . import test_files", "stack.test_files"),
    ],
)
def test_what_is_too_large_or_taken_from_a_test_is_named(text: str, said: str) -> None:
    (complaint,) = complaints(text, "printflow_reliability_tests.stack")
    assert said in complaint
