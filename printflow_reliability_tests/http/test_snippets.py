"""The platform's own code, as the documentation has it: only a clear yes about its own order lets it go on."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from printflow_reliability_tests import snippets
from printflow_reliability_tests.alerts.service import LOGIN_PAGE, Answer, answering
from printflow_reliability_tests.snippets import LANGUAGES, PHP, Language

TOKEN = "t" * 40
READY = {"order": "2026/7", "ready": True, "reasons": []}
ACCEPTED = {"order": "2026/7", "version": "3", "key": "t/first.pdf", "accepted": True}
REFUSED = {"error": {"what": "there is no paid order", "next": ""}, "request_id": "1"}
YES, HELD, AWAY = "yes", "OrderHeld", "GuardUnavailable"
ARTWORK = ("artwork", "2026/7", "t")
ACCEPT = ("accept", "2026/7", "3", "t/a.pdf", "t")
MIDDLEWARE = r"""<?php
namespace App\Services {
    final class BreakGlass
    {
        public array $asked = [];

        public function __construct(private bool $open) {}

        public function covers(string $order, string $step, string $why): bool
        {
            $this->asked[] = $order;

            return $this->open;
        }
    }
}

namespace {
    require 'PrintGuard.php';
    require 'RequireArtwork.php';
    $guard = new App\Services\PrintGuard(getenv('PRINTFLOW_URL'), getenv('PRINTFLOW_TOKEN'));
    $told = [];
    foreach (json_decode($argv[1]) as $open) {
        $glass = new App\Services\BreakGlass($open);
        $job = new class
        {
            public object $order;
            public ?int $released = null;

            public function release(int $seconds): void
            {
                $this->released = $seconds;
            }
        };
        $job->order = (object) ['id' => '2026/7', 'tenant_id' => 't'];
        $printed = false;
        (new App\Jobs\Middleware\RequireArtwork($guard, $glass))->handle($job, function () use (&$printed) {
            $printed = true;
        });
        $told[] = [$printed, $job->released, count($glass->asked)];
    }
    echo json_encode($told);
}
"""


def here(language: Language) -> None:
    if why := snippets.lacking(language):
        pytest.skip(why)


def said(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body))


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_whatever_is_answered_only_a_clear_yes_about_this_order_lets_it_go_on(
    language: Language, tmp_path: Path
) -> None:
    here(language)
    cases = [
        (ARTWORK, said(200, READY), YES),
        (ARTWORK, said(200, {**READY, "order": "2026/8"}), AWAY),
        (ARTWORK, said(200, {**READY, "order": 7}), AWAY),
        (ARTWORK, said(200, {**READY, "ready": "true"}), AWAY),
        (ARTWORK, said(200, {**READY, "ready": 1}), AWAY),
        (ARTWORK, said(201, READY), AWAY),
        (ARTWORK, said(203, READY), AWAY),
        (ARTWORK, said(409, {"order": "2026/7", "ready": False, "reasons": ["lost"]}), HELD),
        (ARTWORK, said(409, {"order": "2026/7", "reasons": 7, "reason": ["x"], "error": "y"}), HELD),
        (ARTWORK, said(409, {"order": "2026/8", "reasons": ["lost"]}), AWAY),
        (ARTWORK, said(409, {"message": "conflict"}), AWAY),
        (ARTWORK, said(404, REFUSED), HELD),
        (ARTWORK, said(404, {"message": "no route matched"}), AWAY),
        (ARTWORK, said(503, REFUSED), AWAY),
        (ARTWORK, said(200, None), AWAY),
        (ARTWORK, said(200, "ready"), AWAY),
        (ARTWORK, said(200, [True]), AWAY),
        (ARTWORK, said(404, None), AWAY),
        (ARTWORK, Answer(200, ""), AWAY),
        (ARTWORK, Answer(200, LOGIN_PAGE), AWAY),
        (ARTWORK, Answer(404, LOGIN_PAGE), AWAY),
        (ARTWORK, Answer(200, "[" * 10_000), AWAY),
        (ARTWORK, Answer(200, "{}", fault="cut"), AWAY),
        (ARTWORK, Answer(302, json.dumps(READY), {"Location": "/elsewhere"}), AWAY),
        (ACCEPT, said(201, ACCEPTED), "t/first.pdf"),
        (ACCEPT, said(200, ACCEPTED), "t/first.pdf"),
        (ACCEPT, said(202, ACCEPTED), AWAY),
        (ACCEPT, said(200, {**ACCEPTED, "order": "2026/8"}), AWAY),
        (ACCEPT, said(200, {**ACCEPTED, "key": None}), AWAY),
        (ACCEPT, said(200, {**ACCEPTED, "accepted": "yes"}), AWAY),
        (ACCEPT, said(409, {**ACCEPTED, "accepted": False, "reason": "cut off"}), HELD),
        (ACCEPT, said(422, REFUSED), AWAY),
    ]
    with answering(*(answer for _, answer, _ in cases), Answer(500)) as service:
        url = f"http://127.0.0.1:{service.server_port}"
        told = snippets.told(language, tmp_path, [call for call, _, _ in cases], url, TOKEN)
        asked = service.got

    assert list(zip(cases, told, strict=True)) == [(case, case[2]) for case in cases]
    assert {request.path for request in asked} == {"/orders/2026%2F7/artwork?tenant=t", "/print-files"}
    assert {request.headers["authorization"] for request in asked} == {f"Bearer {TOKEN}"}
    assert asked[-1].document == {"order": "2026/7", "version": "3", "key": "t/a.pdf", "tenant": "t"}


def test_a_job_goes_on_with_a_yes_or_by_an_open_break_glass_where_nobody_could_look(tmp_path: Path) -> None:
    here(PHP)
    held = said(409, {"order": "2026/7", "reasons": ["lost"]})
    cases = [
        (said(200, READY), False, [True, None, 0]),
        (held, True, [False, 300, 0]),
        (said(404, REFUSED), True, [False, 300, 0]),
        (said(503, REFUSED), False, [False, 60, 1]),
        (said(503, REFUSED), True, [True, None, 1]),
        (Answer(200, LOGIN_PAGE), True, [True, None, 1]),
    ]
    with answering(*(answer for answer, _, _ in cases), Answer(500)) as service:
        url = f"http://127.0.0.1:{service.server_port}"
        told = snippets.run(PHP, tmp_path, MIDDLEWARE, [json.dumps([glass for _, glass, _ in cases])], url, TOKEN)

    assert told == [outcome for _, _, outcome in cases]


def test_every_file_of_the_page_in_php_is_php(tmp_path: Path) -> None:
    here(PHP)
    files = {name: text for name, text in snippets.blocks().items() if name.endswith(".php")}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    php = str(shutil.which("php"))
    for name in files:
        checked = subprocess.run([php, "-l", name], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout
    assert {"PrintGuard.php", "RequireArtwork.php", "BreakGlass.php"} <= files.keys()
