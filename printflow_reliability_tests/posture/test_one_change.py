"""A well-kept platform with one thing changed: that thing is told, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability_tests.posture.platforms import judged
from printflow_reliability_tests.posture.well_kept import WELL_KEPT

DOUBTFUL, WRONG, UNKNOWN = Outcome.WARN, Outcome.FAIL, Outcome.UNKNOWN


@dataclass(frozen=True)
class Change:
    """A text of a file and what stands there instead, and the kind and outcome of what is then told."""

    file: str
    old: str
    new: str
    kind: str
    outcome: Outcome = WRONG


RENDERER = "services/renderer/"
CHANGES = {
    "development": Change(".env", "APP_ENV=production", "APP_ENV=staging", "app_env"),
    "debug by a word": Change(".env", "APP_DEBUG=false", "APP_DEBUG=(true)", "app_debug"),
    "debug by a word that is none": Change(".env", "APP_DEBUG=false", "APP_DEBUG=maybe", "app_debug"),
    "sessions on one host": Change(".env", "SESSION_DRIVER=redis", "SESSION_DRIVER=file", "session_store"),
    "sessions not set": Change(".env", "SESSION_DRIVER=redis", "", "session_store", UNKNOWN),
    "cache of one process": Change(".env", "CACHE_STORE=redis", "CACHE_STORE=array", "cache_store"),
    "a stand-in of its own name": Change(".env", "APP_DEBUG=false", "APP_DEBUG=false\r\nTAX_MODE=mock", "stand_in"),
    "mails to the log": Change(".env", "APP_DEBUG=false", "APP_DEBUG=false\r\nMAIL_MAILER=log", "stand_in"),
    "a key of the test mode": Change(".env", "sk_live_", "sk_test_", "live_keys"),
    "twice": Change(".env", "APP_DEBUG=false", "APP_DEBUG=true\r\nAPP_DEBUG=false", "environment_lines"),
    "no assignment": Change(".env", "APP_DEBUG=false", "APP_DEBUG=false\r\nsudo", "environment_lines"),
    "a placeholder": Change(".env", "=cache.internal", "=@REDIS_HOST@", "placeholder"),
    "another secret": Change(".env", "-of-both-sides", "-of-this-side", "shared_secret"),
    "a secret not set": Change(f"{RENDERER}.env", "INTERNAL_API_SECRET=", "OTHER=", "shared_secret"),
    "Node for development": Change(f"{RENDERER}.env", "NODE_ENV=production", "NODE_ENV=dev", "node_env"),
    "a queue in the database": Change(
        "config/queue.php", "'driver' => 'redis',", "'driver' => 'database',", "queue_connection"
    ),
    "before the commit": Change(
        "config/queue.php", "'after_commit' => true", "'after_commit' => false", "after_commit"
    ),
    "a commit that nobody sees": Change("config/queue.php", "=> true", "=> config('a')", "after_commit", UNKNOWN),
    "retry as long as the timeout": Change("config/queue.php", "60 * 11", "600", "retry_after"),
    "retry that nobody sees": Change("config/queue.php", "60 * 11", "config('a')", "retry_after", UNKNOWN),
    "no retry": Change("config/queue.php", "'retry_after'", "'retry'", "retry_after"),
    "print jobs among others": Change(
        "config/horizon.php", "['print-files']", "['print-files', 'default']", "print_queue"
    ),
    "queues that nobody sees": Change("config/horizon.php", "['print-files']", "config('a')", "print_queue", UNKNOWN),
    "one Redis, two databases": Change(
        ".env", "REDIS_HOST=cache.internal", "REDIS_HOST=queues.internal", "queue_redis"
    ),
    "a Redis that nobody sees": Change(
        "config/database.php", "env('REDIS_QUEUE_HOST')", "config('a')", "queue_redis", UNKNOWN
    ),
    "BullMQ off": Change(f"{RENDERER}.env", "REDIS_HOST=", "REDIS_HOST=\nOTHER=", "pdf_redis"),
    "a fall back": Change(".env", "PDF_STRICT=(true)", "PDF_STRICT=false", "strict_mode"),
    "a fall back that nobody sees": Change("config/services.php", "'strict_mode'", "'strict'", "strict_mode", UNKNOWN),
    "not delegated": Change(".env", "PDF_DELEGATE_PROOFS=true", "", "delegation"),
    "no time limit": Change("app/Jobs/GeneratePrintFile.php", "Http::timeout(60)->", "Http::", "outside_call"),
    "a call by a macro": Change(
        "app/Jobs/GeneratePrintFile.php", "Http::timeout(60)->retry(3, 200)", "Http::pdf()", "outside_call", UNKNOWN
    ),
    "no file for Horizon": Change("composer.json", '"laravel/horizon": "^5.0", ', "", "horizon"),
    "a disk that is silent": Change("config/filesystems.php", "'throw' => true", "'throw' => false", "disk_throws"),
    "a disk that says nothing": Change("config/filesystems.php", ", 'throw' => true", "", "disk_throws"),
    "a disk of one host": Change(".env", "APP_DEBUG=false", "APP_DEBUG=false\r\nFILESYSTEM_DISK=local", "default_disk"),
    "versions suspended": Change("infrastructure/main.tf", '"Enabled"', '"Suspended"', "versioned_bucket"),
    "tenants on one disk": Change("app/Providers/TenantDisk.php", "Storage::build", "Storage::of", "tenant_disks"),
    "deletes for good": Change("app/Models/OrderItem.php", "use SoftDeletes;", "", "soft_deletes"),
    "deletes of another kind": Change(
        "app/Models/OrderItem.php", "use SoftDeletes;", "use \\Vendor\\Deletes;", "soft_deletes", UNKNOWN
    ),
    "a model that names no file": Change(
        "app/Models/OrderItem.php", "'print_ready_file'", "'colour'", "soft_deletes", UNKNOWN
    ),
    "Sentry without a DSN": Change(".env", "SENTRY_LARAVEL_DSN=", "OTHER=", "monitored"),
    "Sentry that nobody calls": Change("bootstrap/app.php", "::handles", "::ignores", "monitored"),
    "Sentry that is not started": Change("shop/sentry.client.config.ts", "Sentry.init", "Sentry.open", "monitored"),
    "personal data": Change("config/sentry.php", "PII', false", "PII', true", "pii"),
    "personal data of Node": Change(f"{RENDERER}src/sentry.ts", "Pii: false", "Pii: true", "pii"),
    "not scrubbed": Change("config/sentry.php", "'before_send'", "'after_send'", "scrubbed"),
    "not scrubbed in Node": Change("shop/sentry.client.config.ts", "beforeSend: scrub,", "", "scrubbed"),
    "one rate": Change("config/sentry.php", "'traces_sampler'", "'other'", "sampler"),
    "a sampler without checkout": Change("app/Monitoring/Sampler.php", "checkout", "basket", "sampler", UNKNOWN),
    "nothing ignored": Change("config/sentry.php", "'ignore_exceptions'", "'other'", "ignored"),
    "other hosts": Change("config/sentry.php", "pdf-service.internal", "mail.internal", "propagated"),
    "no release": Change("config/sentry.php", "'release'", "'other'", "release"),
    "two releases": Change("shop/.env", "2026.11.29", "2026.11.30", "one_release"),
    "recorded": Change("shop/sentry.client.config.ts", "SampleRate: 0", "SampleRate: 0.1", "replay"),
    "no source maps": Change("shop/nuxt.config.ts", "@sentry/nuxt/module", "@nuxt/ui", "source_maps"),
    "a name in the tags": Change("shop/sentry.client.config.ts", "{ id:", "{ email: customer.email, id:", "tags"),
    "no request id": Change("app/Http/Middleware/RequestId.php", "shareContext", "debug", "request_id"),
    "readiness for everybody": Change("routes/web.php", "->middleware('auth.probe')", "", "readiness_token"),
    "readiness of Node for everybody": Change(f"{RENDERER}src/probes.ts", "requireToken, ", "", "readiness_token"),
    "no readiness": Change(f"{RENDERER}src/probes.ts", "/readyz", "/colour", "readiness"),
    "liveness that asks": Change(
        f"{RENDERER}src/probes.ts", "response.json({ alive: true })", "response.json(redis.ping())", "liveness"
    ),
    "no liveness": Change("bootstrap/app.php", ", health: '/up'", "", "liveness"),
    "/up that asks": Change(
        "app/Providers/TenantDisk.php",
        "class TenantDisk",
        "$a->listen(DiagnosingHealth::class, f());\nclass TenantDisk",
        "liveness",
    ),
    "nobody who asks": Change("infrastructure/probes.yml", "/readyz", "/", "watched", UNKNOWN),
    "a migration first": Change(
        ".github/workflows/deploy.yml", "backup before-migrate", "backup list", "backup_before_migrate"
    ),
    "a backup in a comment": Change(
        ".github/workflows/deploy.yml", "      - run: printflow", "      # printflow", "backup_before_migrate"
    ),
    "a backup afterwards": Change(
        ".github/workflows/deploy.yml", "steps:", "steps:\n      - run: php artisan migrate", "backup_before_migrate"
    ),
    "migrations that nobody sees": Change(
        ".github/workflows/deploy.yml", "artisan migrate", "artisan up", "backup_before_migrate", UNKNOWN
    ),
    "another lock file": Change(
        "shop/package-lock.json", '"lockfileVersion": 1', '"lockfileVersion": 9', "lock_file", UNKNOWN
    ),
}
ALSO: Mapping[str, set[str]] = {
    "a queue in the database": {"queue_redis"},
    "no file for Horizon": {"print_queue"},
    "no readiness": {"readiness_token"},
    "development": {"live_keys"},
}
"""What else is then told, since it hangs on the same thing."""


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_is_told_and_nothing_else(name: str, tmp_path: Path) -> None:
    change = CHANGES[name]
    before = WELL_KEPT[change.file]
    assert change.old in before
    files = {**WELL_KEPT, change.file: before.replace(change.old, change.new, 1)}
    unwell = [item for item in judged(tmp_path, files) if item.outcome is not Outcome.PASS]
    assert {item.rule.name for item in unwell} - ALSO.get(name, set()) == {change.kind}
    assert change.outcome in {item.outcome for item in unwell if item.rule.name == change.kind}
