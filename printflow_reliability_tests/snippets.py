"""The platform's side of asking first, as docs/platform/asking-first.md has it, run by the languages that are here."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "platform" / "asking-first.md"
BLOCK = re.compile(r"```(?:php|js)\n(.*?)```", re.DOTALL)
NAMED = re.compile(r"(?:<\?php\n)?// ([\w./-]+\.(?:php|mjs))")
NODE_DRIVER = """
import { requireArtwork, acceptPrintFile } from './print-guard.mjs'
const ways = {
  artwork: requireArtwork,
  accept: (order, version, key, tenant) => acceptPrintFile({ order, version, key, tenant })
}
const told = []
for (const [way, ...given] of JSON.parse(process.argv[2])) {
  try { told.push(await ways[way](...given) ?? 'yes') } catch (no) { told.push(no.constructor.name) }
}
console.log(JSON.stringify(told))
"""
PHP_DRIVER = r"""<?php
require 'PrintGuard.php';
$guard = new App\Services\PrintGuard(getenv('PRINTFLOW_URL'), getenv('PRINTFLOW_TOKEN'));
$told = [];
foreach (json_decode($argv[1], true) as $call) {
    $way = array_shift($call);
    try {
        $told[] = ($way === 'artwork' ? $guard->requireArtwork(...$call) : $guard->accept(...$call)) ?? 'yes';
    } catch (Throwable $no) {
        $told[] = (new ReflectionClass($no))->getShortName();
    }
}
echo json_encode($told);
"""

Call = tuple[str, ...]
"""`("artwork", order, tenant)` or `("accept", order, version, key, tenant)`."""


@dataclass(frozen=True)
class Language:
    """What runs a snippet, and the program that calls it."""

    name: str
    program: str
    driver: str


NODE = Language("Node", "node", NODE_DRIVER)
PHP = Language("PHP", "php", PHP_DRIVER)
LANGUAGES = (NODE, PHP)


def lacking(language: Language) -> str:
    """Why a language cannot be run here; empty if it can."""
    if shutil.which(language.program) is None:
        return f"there is no {language.name} here ({language.program})"
    loaded = [language.program, "-r", "exit(extension_loaded('curl') ? 0 : 1);"]
    if language is PHP and subprocess.run(loaded, check=False, timeout=60).returncode:
        return "PHP is here without its curl extension (php-curl)"
    return ""


def blocks() -> dict[str, str]:
    """The page's named files: each name without its folders, and the text."""
    found = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    return {name[1].rpartition("/")[2]: text for text in found if (name := NAMED.match(text))}


def run(language: Language, directory: Path, driver: str, arguments: Sequence[str], url: str, token: str) -> object:
    """What a program beside the page's files prints as JSON."""
    for name, text in blocks().items():
        (directory / name).write_text(text, encoding="utf-8")
    program = directory / ("driver.mjs" if language is NODE else "driver.php")
    program.write_text(driver, encoding="utf-8")
    ended = subprocess.run(
        [str(shutil.which(language.program)), program.name, *arguments],
        cwd=directory,
        env={"PRINTFLOW_URL": url, "PRINTFLOW_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return json.loads(ended.stdout)


def told(language: Language, directory: Path, calls: Sequence[Call], url: str, token: str) -> list[str]:
    """What each call came to: "yes", the key to print, or the name of what was thrown."""
    answers = run(language, directory, language.driver, [json.dumps(calls)], url, token)
    assert isinstance(answers, list)
    return answers
