"""A checkout is read and never left; what cannot be read is named and never taken for sound."""

import os
from pathlib import Path

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.errors import ConfigError
from printflow_reliability.posture import checkout as module
from printflow_reliability.posture.applications import Kind, find_applications
from printflow_reliability.posture.checkout import Unreadable, open_checkout
from printflow_reliability.posture.versions import locked
from printflow_reliability_tests.posture.platforms import judged, platform_of, written
from printflow_reliability_tests.posture.well_kept import WELL_KEPT

MANIFEST = {"package.json": '{"dependencies": {"nuxt": "^3"}}'}


def why(root: Path, path: str) -> str:
    with pytest.raises(Unreadable) as refused:
        open_checkout(root).text(path)
    return str(refused.value)


def test_a_link_that_leaves_the_checkout_is_named_and_not_read(tmp_path: Path) -> None:
    outside = written(tmp_path / "outside", {".env": "APP_ENV=production", "deep/.env": "A=1"})
    root = written(tmp_path / "checkout", MANIFEST)
    (root / ".env").symlink_to(outside / ".env")
    (root / "deep").symlink_to(outside / "deep")
    (root / "nowhere").symlink_to("nothing")
    (root / "circle").symlink_to("circle")
    read = open_checkout(root)
    assert read.paths == ("package.json",)
    assert {file.path: file.why for file in read.not_read} == {
        ".env": "is a link that leaves the checkout",
        "deep": "is a link that leaves the checkout",
        "nowhere": "is a link that leads nowhere",
        "circle": "is a link that leads nowhere",
    }
    assert why(root, ".env") == "is a link that leaves the checkout"


def test_a_link_within_the_checkout_is_read(tmp_path: Path) -> None:
    root = written(tmp_path, MANIFEST | {"shared/env": "A=1"})
    (root / ".env").symlink_to("shared/env")
    assert open_checkout(root).text(".env") == "A=1"


def test_a_circle_of_directories_ends(tmp_path: Path) -> None:
    root = written(tmp_path, MANIFEST | {"a/b": ""})
    (root / "a" / "up").symlink_to("..")
    assert open_checkout(root).paths == ("a/b", "package.json")


def test_what_is_no_text_too_large_or_no_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_BYTES", 100)
    files: dict[str, str | bytes] = {**MANIFEST, "binary": b"a\0b", "large": "x" * 101, "latin": b"\xe9"}
    root = written(tmp_path, files)
    os.mkfifo(root / "pipe")
    assert why(root, "binary") == "is no text"
    assert why(root, "large") == "has more than 100 bytes"
    assert why(root, "latin") == "is not UTF-8"
    assert why(root, "pipe") == "is no regular file"
    assert why(root, "absent") == "is not there"


def test_a_file_that_becomes_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    read = open_checkout(written(tmp_path, MANIFEST | {".env": "A=1"}))
    (tmp_path / ".env").unlink()
    os.mkfifo(tmp_path / ".env")
    with pytest.raises(Unreadable, match="no regular file"):
        read.text(".env")


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    root = written(tmp_path, MANIFEST | {".env": "A=1"})
    (root / ".env").chmod(0)
    assert why(root, ".env") == "cannot be read: Permission denied"


def test_a_name_that_is_no_text_is_listed_all_the_same(tmp_path: Path) -> None:
    root = written(tmp_path, MANIFEST)
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.php")).write_text("<?php")
    assert "\\xff.php" in open_checkout(root).paths


@pytest.mark.parametrize("kind", ["absent", "a file", "empty", "a NUL", "a circle"])
def test_a_path_that_is_no_checkout_is_refused(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "a circle").symlink_to("a circle")
    name = "a\0b" if kind == "a NUL" else kind
    with pytest.raises(ConfigError, match="is no checkout") as refused:
        open_checkout(tmp_path / name)
    assert "--source DIR" in refused.value.next_step


def test_more_files_than_a_checkout_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 3)
    with pytest.raises(ConfigError, match="more than 3 files"):
        open_checkout(written(tmp_path, MANIFEST | dict.fromkeys("abc", "")))


def test_applications_are_found_by_what_they_require(tmp_path: Path) -> None:
    files = {
        "x/composer.json": '{"require": {"laravel/framework": "^11"}}',
        "x/package.json": '{"devDependencies": {"vue": "^3"}}',
        "y/composer.json": '{"require": {"symfony/console": "^7"}}',
        "a/package.json": '{"dependencies": {"bullmq": "^5"}}',
        "b/package.json": '{"dependencies": {"fastify": "^5", "pdfkit": "1"}}',
        "c/package.json": '{"devDependencies": {"nuxt": "^3", "vue": "^3"}}',
        "d/package.json": '{"dependencies": {"vue": "^3"}}',
        "e/package.json": '{"dependencies": {"vitepress": "^1", "vue": "^3"}}',
        "f/package.json": '{"dependencies": {"lodash": "^4"}}',
        "f/node_modules/nuxt/package.json": '{"dependencies": {"nuxt": "^3"}}',
    }
    found = platform_of(tmp_path, files).applications
    assert {(application.root, application.kind) for application in found} == {
        ("x", Kind.LARAVEL),
        ("a", Kind.PDF_SERVICE),
        ("b", Kind.PDF_SERVICE),
        ("c", Kind.NUXT),
        ("d", Kind.VUE),
        ("e", Kind.DOCS),
    }


@pytest.mark.parametrize("manifest", ["{", "[]", "[" * 100_000, b"\xff", '{"dependencies": 5}'])
def test_a_manifest_that_cannot_be_read_is_named(manifest: str | bytes, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {**WELL_KEPT, "admin/package.json": manifest}
    platform = platform_of(tmp_path, files)
    named = [file.path for file in platform.unreadable]
    assert named == ([] if manifest == '{"dependencies": 5}' else ["admin/package.json"])


@pytest.mark.parametrize(
    ("lock", "why"),
    [
        ('{"lockfileVersion": 4, "packages": {}}', "has a format of another version"),
        ('{"lockfileVersion": 3}', "has a format of another version"),
        ("[]", "is not a JSON object"),
        ("{", "is not JSON"),
        (b"\0", "is no text"),
    ],
)
def test_a_lock_file_of_another_version_is_unknown(lock: str | bytes, why: str, tmp_path: Path) -> None:
    platform = platform_of(tmp_path, {**MANIFEST, "package-lock.json": lock})
    assert locked(platform, platform.applications[0]).why_unknown == why


def test_a_lock_file_without_a_required_package_is_wrong(tmp_path: Path) -> None:
    files = {**WELL_KEPT, "composer.lock": '{"packages": [{"name": "laravel/framework", "version": "v12.0.0"}]}'}
    (found,) = [item for item in judged(tmp_path, files) if str(item.place) == "composer.lock"]
    assert (found.outcome, found.found) == (Outcome.FAIL, "it lacks laravel/horizon, sentry/sentry-laravel")


def test_a_workspace_has_one_lock_file_for_all(tmp_path: Path) -> None:
    files = {
        "package.json": "{}",
        "package-lock.json": '{"lockfileVersion": 2, "packages": {"node_modules/nuxt": {"version": "3.1.0"}}}',
        "apps/shop/package.json": '{"dependencies": {"nuxt": "^3"}}',
    }
    platform = find_applications(open_checkout(written(tmp_path, files)))
    assert locked(platform, platform.applications[0]).versions == {"nuxt": "3.1.0"}


def test_what_a_release_shares_with_the_next_is_named_and_no_finding(tmp_path: Path) -> None:
    root = written(tmp_path / "release", WELL_KEPT)
    (tmp_path / "shared").mkdir()
    (root / "storage").symlink_to(tmp_path / "shared")
    assert [file.path for file in open_checkout(root).not_read] == ["storage"]
    assert {item.outcome for item in judged(root, {})} == {Outcome.PASS}


def test_a_workflow_that_tests_may_migrate_its_own_database(tmp_path: Path) -> None:
    files = {**WELL_KEPT, ".github/workflows/tests.yml": "run: php artisan migrate\n"}
    assert {item.outcome for item in judged(tmp_path, files)} == {Outcome.PASS}


def test_what_an_environment_that_is_not_there_would_set_is_unknown(tmp_path: Path) -> None:
    files = {path: content for path, content in WELL_KEPT.items() if not path.endswith(".env")}
    unwell = {item.rule.name: item.outcome for item in judged(tmp_path, files) if item.outcome is not Outcome.PASS}
    assert set(unwell.values()) == {Outcome.UNKNOWN}
    assert {"environment_file", "shared_secret", "queue_connection", "one_release", "pdf_redis"} <= set(unwell)


def test_what_leaves_the_checkout_is_unknown_in_the_answer(tmp_path: Path) -> None:
    root = written(tmp_path / "checkout", WELL_KEPT)
    (root / ".env").unlink()
    (tmp_path / "env").write_text("APP_ENV=production")
    (root / ".env").symlink_to(tmp_path / "env")
    said = {item.outcome for item in judged(root, {}) if item.place.file == ".env"}
    assert said == {Outcome.UNKNOWN}
