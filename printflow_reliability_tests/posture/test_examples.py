"""The examples of docs/platform do what their pages say: run as they stand there, by Node and by PHP where they are."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from printflow_reliability_tests.posture.from_templates import TEMPLATES, examples

NODE_DRIVER = """
import { printFiles } from './download.mjs'
import { writeLink } from './link.mjs'
import { readiness, requireToken } from './probes.mjs'

const store = { get: async (key) => {
  if (key === 'refused') throw new Error('403')
  return { there: Buffer.from('%PDF'), empty: Buffer.alloc(0) }[key]
} }
let asked = 0
const database = (failures, rowCount) => ({ query: async () => {
  asked += 1
  if (asked <= failures) throw new Error('deadlock')
  return { rowCount }
} })
const told = async (work) => {
  asked = 0
  try { await work(); return ['done', asked] } catch (no) { return [no.constructor.name, asked] }
}
const gate = (given) => {
  let status = 200
  const response = { status: (code) => { status = code; return response }, json: () => response }
  requireToken({ get: () => given }, response, () => {})
  return status
}
process.env.READINESS_TOKEN = 'of the probes'
const results = {
  'every file': await told(() => printFiles(store, [{ id: 1, key: 'there' }])),
  'no link': await told(() => printFiles(store, [{ id: 1, key: 'there' }, { id: 2, key: null }])),
  'no file': await told(() => printFiles(store, [{ id: 1, key: 'absent' }])),
  'an empty file': await told(() => printFiles(store, [{ id: 1, key: 'empty' }])),
  'a store that refuses': await told(() => printFiles(store, [{ id: 1, key: 'refused' }])),
  'no items': await told(() => printFiles(store, [])),
  'a link': await told(() => writeLink(database(0, 1), 7, 'key')),
  'a link at the third time': await told(() => writeLink(database(2, 1), 7, 'key')),
  'no link ever': await told(() => writeLink(database(99, 1), 7, 'key')),
  'no such item': await told(() => writeLink(database(0, 0), 7, 'key')),
  readiness: await readiness({ database: async () => 1, redis: async () => { throw new Error('away') } }),
  gate: [gate('Bearer of the probes'), gate('Bearer of the prober'), gate(undefined), gate('Bearer ')]
}
delete process.env.READINESS_TOKEN
results.gate.push(gate('Bearer undefined'))
console.log(JSON.stringify(results))
"""
PHP_STUBS = r"""<?php
namespace Illuminate\Contracts\Filesystem { interface Filesystem { public function get($path); } }
namespace Illuminate\Database { interface ConnectionInterface { public function update($query, $bindings = []); } }
namespace Illuminate\Contracts\Queue { interface ShouldQueue {} interface ShouldBeUnique {} }
namespace Illuminate\Foundation\Queue { trait Queueable {} }
namespace Illuminate\Queue\Middleware {
    class ThrottlesExceptions { public function __construct($a, $b) {} public function backoff($m) { return $this; } }
}
namespace Illuminate\Support\Facades {
    class DB {
        public static array $seen = [];
        public static function table($name) { self::$seen[] = $name; return new self(); }
        public function where(...$given) { self::$seen[] = implode(' ', $given); return $this; }
        public function update($values) { self::$seen[] = json_encode($values); return 1; }
    }
    class Log { public static function critical($text, $context) { DB::$seen[] = $text; } }
}
"""
PHP_DRIVER = r"""<?php
foreach (['stubs', 'ArtworkDownload', 'PrintFileLink', 'BoundedJob'] as $name) { require "{$name}.php"; }
class Disk implements Illuminate\Contracts\Filesystem\Filesystem {
    public function get($path) {
        if ($path === 'refused') { throw new DomainException('403'); }
        return ['there' => '%PDF', 'empty' => ''][$path] ?? null;
    }
}
class Database implements Illuminate\Database\ConnectionInterface {
    public int $asked = 0;
    public function __construct(private int $failures, private int $rows) {}
    public function update($query, $bindings = []) {
        if (++$this->asked <= $this->failures) { throw new DomainException('deadlock'); }
        return $this->rows;
    }
}
function told(callable $work): array {
    $asked = 0;
    try { $work($asked); return ['done', $asked]; }
    catch (Throwable $no) { return [(new ReflectionClass($no))->getShortName(), $asked]; }
}
function items(?string ...$keys): array {
    return array_map(fn ($key, $id) => (object) ['id' => $id, 'print_ready_file' => $key], $keys, array_keys($keys));
}
function download(?string ...$keys): array {
    return told(fn () => (new App\Services\ArtworkDownload(new Disk()))->files(items(...$keys)));
}
function link_of(int $failures, int $rows): array {
    return told(function (&$asked) use ($failures, $rows) {
        $database = new Database($failures, $rows);
        try { (new App\Services\PrintFileLink($database))->write(7, 'key'); } finally { $asked = $database->asked; }
    });
}
final class Job extends App\Jobs\BoundedJob {}
$job = new Job(10482, 7, '3');
$job->failed(new DomainException('customer@example.org'));
echo json_encode([
    'every file' => download('there'),
    'no link' => download('there', null),
    'no file' => download('absent'),
    'an empty file' => download('empty'),
    'a store that refuses' => download('refused'),
    'no items' => download(),
    'a link' => link_of(0, 1),
    'a link at the third time' => link_of(2, 1),
    'no link ever' => link_of(99, 1),
    'no such item' => link_of(0, 0),
    'held' => Illuminate\Support\Facades\DB::$seen,
    'unique' => $job->uniqueId(),
]);
"""
SAID = {
    "every file": ["done", 0],
    "no link": ["MissingArtwork", 0],
    "no file": ["MissingArtwork", 0],
    "an empty file": ["MissingArtwork", 0],
    "no items": ["MissingArtwork", 0],
    "a link": ["done", 1],
    "a link at the third time": ["done", 3],
    "no link ever": ["LinkNotWritten", 4],
    "no such item": ["LinkNotWritten", 1],
}
"""What each example comes to, and how often the database was asked."""
WAITS = {".mjs": ("[100, 500, 2_000]", "[1, 1, 1]"), ".php": ("[100, 500, 2000]", "[1, 1, 1]")}


def run(program: str, ending: str, directory: Path, driver: str) -> dict[str, object]:
    """What the driver prints, beside the pages' files; only their waits are shortened."""
    for name, text in examples().items():
        if name.endswith(ending):
            (directory / name.rpartition("/")[2]).write_text(text.replace(*WAITS[ending]), encoding="utf-8")
    file = directory / f"driver{ending}"
    file.write_text(driver, encoding="utf-8")
    argv = [str(shutil.which(program)), file.name]
    ended = subprocess.run(argv, cwd=directory, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    said = json.loads(ended.stdout)
    assert isinstance(said, dict)
    return said


def test_the_waits_that_tests_shorten_are_those_of_the_pages() -> None:
    for ending, (waits, _) in WAITS.items():
        assert sum(waits in text for name, text in examples().items() if name.endswith(ending)) == 1


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_the_examples_for_node_refuse_try_again_and_fail(tmp_path: Path) -> None:
    said = run("node", ".mjs", tmp_path, NODE_DRIVER)
    assert said.pop("readiness") == {"database": "ready", "redis": "away"}
    assert said.pop("gate") == [200, 401, 401, 401, 401]
    assert said.pop("a store that refuses") == ["Error", 0]
    assert said == SAID


@pytest.mark.skipif(shutil.which("php") is None, reason="there is no PHP here (php-cli)")
def test_the_examples_for_laravel_refuse_try_again_fail_and_hold_the_order(tmp_path: Path) -> None:
    (tmp_path / "stubs.php").write_text(PHP_STUBS, encoding="utf-8")
    said = run("php", ".php", tmp_path, PHP_DRIVER)
    held = ["orders", "id 10482", "status paid", '{"status":"held"}', "a job was given up; its order is held"]
    assert said.pop("held") == held
    assert said.pop("unique") == "Job-10482-7-3"
    assert said.pop("a store that refuses") == ["DomainException", 0]
    assert said == SAID


@pytest.mark.exhaustive
@pytest.mark.skipif(shutil.which("php") is None, reason="there is no PHP here (php-cli)")
def test_php_of_templates_and_pages_is_php(tmp_path: Path) -> None:
    files = {name.replace("/", "_"): text for name, text in examples().items() if name.endswith(".php")}
    files |= {path.name: path.read_text(encoding="utf-8") for path in (TEMPLATES / "laravel").rglob("*.php")}
    for name, text in files.items():
        (tmp_path / name).write_text(text if text.startswith("<?php") else f"<?php\n{text}", encoding="utf-8")
        argv = [str(shutil.which("php")), "-l", name]
        ended = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stdout
