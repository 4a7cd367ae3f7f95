"""BullMQ's options and the silent skips of a Node application, labelled by hand in both directions."""

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.posture.applications import Application, Kind
from printflow_reliability.posture.bullmq import judge_bullmq
from printflow_reliability.posture.checkout import NotRead
from printflow_reliability.posture.dotenv import Environment
from printflow_reliability.posture.dotenv import parse as environment_of
from printflow_reliability.posture.node.sources import NodeSource
from printflow_reliability.posture.node.syntax import NodeFile, parse
from printflow_reliability.posture.node_skips import judge_node_skips

GOOD, DOUBTFUL, WRONG, UNKNOWN = Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.UNKNOWN
SERVICE = Application(Kind.PDF_SERVICE, "", "package.json")


def source(*files: str, environment: Environment | None = None, unread: tuple[NotRead, ...] = ()) -> NodeSource:
    read = environment or Environment(".env")
    parsed = [NodeFile(f"{number}.ts", parse("a.ts", text.encode()), read) for number, text in enumerate(files)]
    assert not any(file.tree.has_error for file in parsed)
    return NodeSource(SERVICE, parsed, unread)


def queue(options: str, *, after: str = "") -> str:
    return f"const queue = new Queue('pdf', {{ connection, defaultJobOptions: {options} }});\n{after}"


def worker(options: str, *, after: str = "") -> str:
    return f"const worker = new Worker('pdf', async (job) => {{}}, {options});\n{after}"


OPTIONS = {
    "attempts": ("bullmq_attempts", queue("{ attempts: 3 }"), GOOD),
    "attempts by a constant": ("bullmq_attempts", "const MOST = 2 + 1;" + queue("{ attempts: MOST }"), GOOD),
    "attempts of the environment": ("bullmq_attempts", queue("{ attempts: Number(process.env.MOST) }"), GOOD),
    "attempts by default of the environment": ("bullmq_attempts", queue("{ attempts: +process.env.X || 3 }"), UNKNOWN),
    "one attempt": ("bullmq_attempts", queue("{ attempts: 1 }"), WRONG),
    "no attempts": ("bullmq_attempts", queue("{}"), WRONG),
    "no options": ("bullmq_attempts", "const queue = new Queue('pdf');", WRONG),
    "attempts of elsewhere": ("bullmq_attempts", queue("imported"), UNKNOWN),
    "attempts spread from elsewhere": ("bullmq_attempts", queue("{ ...imported }"), UNKNOWN),
    "attempts of each job": ("bullmq_attempts", "new Queue('a', {}); queue.add('a', {}, { attempts: 3 });", GOOD),
    "attempts of one job of two": (
        "bullmq_attempts",
        "new Queue('a', {}); queue.add('a', {}, { attempts: 3 }); queue.add('b', {});",
        WRONG,
    ),
    "backoff with jitter": (
        "bullmq_backoff",
        queue("{ backoff: { type: 'exponential', delay: 1, jitter: 0.5 } }"),
        GOOD,
    ),
    "backoff of its own": ("bullmq_backoff", queue("{ backoff: { type: 'spread' } }"), GOOD),
    "backoff without jitter": ("bullmq_backoff", queue("{ backoff: { type: 'exponential', delay: 1 } }"), DOUBTFUL),
    "backoff number": ("bullmq_backoff", queue("{ backoff: 1000 }"), DOUBTFUL),
    "backoff zero": ("bullmq_backoff", queue("{ backoff: 0 }"), WRONG),
    "no backoff": ("bullmq_backoff", queue("{ attempts: 3 }"), WRONG),
    "backoff of elsewhere": ("bullmq_backoff", queue("{ backoff: imported }"), UNKNOWN),
    "failures removed": ("bullmq_remove_on_fail", queue("{ removeOnFail: true }"), WRONG),
    "failures kept": ("bullmq_remove_on_fail", queue("{ removeOnFail: false }"), GOOD),
    "failures kept by default": ("bullmq_remove_on_fail", queue("{ attempts: 3 }"), GOOD),
    "failures kept by number": ("bullmq_remove_on_fail", queue("{ removeOnFail: 1000 }"), GOOD),
    "no failure kept": ("bullmq_remove_on_fail", queue("{ removeOnFail: 0 }"), WRONG),
    "failures kept for a week": ("bullmq_remove_on_fail", queue("{ removeOnFail: { age: 7 * 24 * 3600 } }"), GOOD),
    "failures kept for an hour": ("bullmq_remove_on_fail", queue("{ removeOnFail: { age: 3600 } }"), WRONG),
    "failures kept as is computed": ("bullmq_remove_on_fail", queue("{ removeOnFail: { age: f() } }"), UNKNOWN),
    "lock": ("bullmq_lock_duration", worker("{ lockDuration: 60_000 }"), GOOD),
    "short lock": ("bullmq_lock_duration", worker("{ lockDuration: 5000 }"), WRONG),
    "no lock": ("bullmq_lock_duration", worker("{ connection }"), WRONG),
    "lock as is computed": ("bullmq_lock_duration", worker("{ lockDuration: f() }"), UNKNOWN),
    "lock of elsewhere": ("bullmq_lock_duration", worker("options"), UNKNOWN),
    "closed": ("bullmq_close", worker("{}", after="process.on('SIGTERM', () => worker.close());"), GOOD),
    "heard and not closed": (
        "bullmq_close",
        worker("{}", after="process.on('SIGTERM', () => process.exit(0));"),
        WRONG,
    ),
    "another signal": ("bullmq_close", worker("{}", after="process.on('SIGUSR1', () => worker.close());"), WRONG),
    "closed by Nest": ("bullmq_close", worker("{}", after="app.enableShutdownHooks();"), GOOD),
    "nothing is seen": ("bullmq_source", "const a = 1;", UNKNOWN),
    "a thread of Node is no worker": (
        "bullmq_source",
        "import { Worker } from 'worker_threads'; new Worker('./a.js', { workerData: 1 });",
        UNKNOWN,
    ),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_an_option_is_what_bullmq_makes_of_it(kind: str) -> None:
    rule, text, outcome = OPTIONS[kind]
    items = judge_bullmq(source(text, environment=environment_of(".env", "MOST=4")))
    assert [item.outcome for item in items if item.rule.name == rule] == [outcome]


def test_a_file_that_does_not_parse_is_named_and_nothing_is_concluded_from_its_absence() -> None:
    items = judge_bullmq(source(worker("{}"), unread=(NotRead("b.ts", "does not parse"),)))
    found = {item.rule.name: item.outcome for item in items}
    assert (found["bullmq_source"], found["bullmq_close"]) == (UNKNOWN, UNKNOWN)


def test_constants_that_name_each_other_end() -> None:
    items = judge_bullmq(source("const a = b; const b = a;" + queue("{ attempts: a }")))
    assert [item.outcome for item in items if item.rule.name == "bullmq_attempts"] == [UNKNOWN]


SILENT = {
    "continue": "for (const f of files) { if (!fs.existsSync(f.path)) continue; zip.file(f.path); }",
    "continue, awaited": "for (const f of files) { if (!(await store.exists(f.key))) { continue; } }",
    "continue after a log": "for (const f of files) { if (!fs.existsSync(f)) { console.warn(f); continue; } }",
    "return": "function add(f) { if (!fs.existsSync(f)) { return; } zip.file(f); }",
    "an empty catch": "try { await s3.send(new GetObjectCommand({ Key })); } catch {}",
    "a catch that logs": "try { await fs.promises.readFile(p); } catch (e) { logger.warn(e); }",
    "a catch that returns null": "async () => { try { return await s3.getObject(p); } catch (e) { return null; } };",
    "a promise's catch": "s3.send(new PutObjectCommand({ Key })).catch(() => {});",
    "a promise's catch of nothing": "bucket.upload(p).catch(() => null);",
}
SOUND = {
    "throw": "for (const f of files) { if (!fs.existsSync(f)) { throw new Error(f); } }",
    "another test": "for (const f of files) { if (!f.active) continue; fs.readFileSync(f.path); }",
    "there already": "for (const f of files) { if (fs.existsSync(f)) continue; make(f); }",
    "a value for the caller": "function f(p) { if (!fs.existsSync(p)) { return { missing: p }; } }",
    "a catch that throws": "try { await s3.send(new GetObjectCommand({})); } catch (e) { throw new Lost(e); }",
    "a catch that fails": "try { await fs.promises.readFile(p); } catch (e) { await job.moveToFailed(e); }",
    "a catch of something else": "try { JSON.parse(a); } catch {}",
    "a promise's catch that acts": "s3.send(new PutObjectCommand({})).catch((e) => { hold(order, e); });",
}


@pytest.mark.parametrize("kind", SILENT)
def test_what_passes_over_a_missing_file_is_found(kind: str) -> None:
    assert [item.outcome for item in judge_node_skips(source(SILENT[kind]))] == [WRONG]


@pytest.mark.parametrize("kind", SOUND)
def test_what_stops_or_is_about_something_else_is_not_found(kind: str) -> None:
    assert [item.outcome for item in judge_node_skips(source(SOUND[kind]))] == [GOOD]
