"""Code that passes over a missing file is found, and code that stops is not."""

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.posture.applications import Application, Kind
from printflow_reliability.posture.php.classes import ClassIndex
from printflow_reliability.posture.silent_skips import judge_skips
from printflow_reliability.posture.sources import PhpSource

LOOP = "foreach ($items as $item) {{ {} }}"
SILENT = {
    "continue after exists": LOOP.format("if (!Storage::exists($item->key)) { continue; } f($item);"),
    "continue without braces": LOOP.format("if (! Storage::disk('s3')->exists($item->path)) continue;"),
    "continue after missing": LOOP.format("if (Storage::disk('s3')->missing($item->path)) { continue; }"),
    "continue after file_exists": LOOP.format("if (!file_exists($path)) { continue; }"),
    "continue after a comparison": LOOP.format("if (Storage::exists($path) === false) { continue; }"),
    "continue where one of two is missing": LOOP.format("if (!$item || !is_file($item->file)) { continue; }"),
    "continue after a log": LOOP.format("if (!Storage::exists($path)) { Log::warning('a'); continue; }"),
    "continue at an empty link": LOOP.format("if (empty($item->print_ready_file)) { continue; }"),
    "continue at a link that is not": LOOP.format("if (!$item->artwork_path) { continue; }"),
    "continue at a link that is null": LOOP.format("if ($item->pdf_path === null) { continue; }"),
    "return of a job": "function handle(): void { if (!Storage::exists($this->path)) { return; } g(); }",
    "return within each()": "$items->each(function ($item) { if (!Storage::exists($item->path)) { return; } g(); });",
    "no else": LOOP.format("if (Storage::exists($item->path)) { $zip->addFile(Storage::path($item->path)); }"),
    "in a while": "while ($item = next($items)) { if (!Storage::exists($item->path)) { continue; } }",
    "an empty catch": "try { Storage::put($key, $pdf); } catch (Throwable) {}",
    "a catch with a comment": "try { Storage::disk('s3')->get($key); } catch (Exception $e) { // best effort\n }",
    "a catch that logs": "try { Storage::put($k, $v); } catch (Exception $e) { Log::error($e->getMessage()); }",
    "a catch that returns null": "function f() { try { return Storage::get($k); } catch (E $e) { return null; } }",
    "a catch that continues": LOOP.format("try { $s3->getObject([]); } catch (Exception $e) { continue; }"),
    "a catch of the link's update": "try { $item->update(['print_ready_file' => $key]); } catch (Exception $e) {}",
    "a catch of the link's save": "try { $item->pdf_path = $key; $item->save(); } catch (Exception $e) {}",
    "the second catch": "try { Storage::put($k, $v); } catch (A $e) { throw $e; } catch (B $e) {}",
    "a catch of a property's disk": "try { $this->disk->put($key, $pdf); } catch (Exception $e) {}",
    "an error that is hidden": "$pdf = @file_get_contents($path);",
}
DOUBTFUL = {
    "a catch that reports": "try { Storage::put($k, $v); } catch (Exception $e) { report($e); }",
}
SOUND = {
    "throw": LOOP.format("if (!Storage::exists($item->path)) { throw new Missing($item); }"),
    "continue of another test": LOOP.format("if (!$item->active) { continue; } Storage::get($item->path);"),
    "continue of another exists": LOOP.format("if (!$query->exists()) { continue; }"),
    "continue where the file is there": LOOP.format("if (Storage::exists($item->path)) { continue; } make($item);"),
    "something is done first": LOOP.format("if (!Storage::exists($p)) { $order->hold($p); continue; }"),
    "a value for the caller": "function f($p): ?string { if (!Storage::exists($p)) { return null; } return g($p); }",
    "an else": LOOP.format("if (Storage::exists($p)) { $zip->add($p); } else { throw new Missing($p); }"),
    "a catch that throws": "try { Storage::put($k, $v); } catch (Exception $e) { throw new Lost($k, previous: $e); }",
    "a catch that fails the job": "try { Storage::put($k, $v); } catch (Exception $e) { $this->fail($e); }",
    "a catch that releases the job": "try { Storage::put($k, $v); } catch (Exception $e) { $this->release(60); }",
    "a catch that holds": "try { Storage::put($k, $v); } catch (Exception $e) { $order->hold('no file'); }",
    "an empty catch of something else": "try { $cache->warm(); } catch (Exception $e) {}",
    "an update of something else": "try { $user->update(['name' => $name]); } catch (Exception $e) {}",
    "in a comment": "// foreach ($a as $b) { if (!Storage::exists($b)) { continue; } }",
    "in a string": "$a = 'try { Storage::put(1); } catch (E $e) {}';",
    "hidden, of something else": "$a = @$array['key'];",
}


def outcomes(php: str) -> list[Outcome]:
    classes = ClassIndex()
    tree = classes.add("a.php", f"<?php {php}".encode())
    assert not tree.has_error
    source = PhpSource(Application(Kind.LARAVEL, "", "composer.json"), classes, {"a.php": tree})
    return [item.outcome for item in judge_skips(source)]


@pytest.mark.parametrize("kind", SILENT)
def test_what_passes_over_a_missing_file_is_found(kind: str) -> None:
    assert outcomes(SILENT[kind]) == [Outcome.FAIL]


@pytest.mark.parametrize("kind", DOUBTFUL)
def test_what_is_only_reported_is_doubtful(kind: str) -> None:
    assert outcomes(DOUBTFUL[kind]) == [Outcome.WARN]


@pytest.mark.parametrize("kind", SOUND)
def test_what_stops_or_is_about_something_else_is_not_found(kind: str) -> None:
    assert outcomes(SOUND[kind]) == [Outcome.PASS]
