"""A platform that is built of the templates of deploy/platform and of the examples of docs/platform, and nothing else.

Only the manifests and their lock files are this module's: they are the platform's own.
"""

import re
import runpy
from collections.abc import Mapping
from pathlib import Path

from printflow_reliability_tests.posture.as_found import AS_FOUND
from printflow_reliability_tests.posture.secrets import APP_KEY, INTERNAL, LIVE_AWS, LIVE_STRIPE
from printflow_reliability_tests.posture.well_kept import NODE_LOCK

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "deploy" / "platform"
FILL = TEMPLATES / "fill.py"
PAGES = ROOT / "docs" / "platform"
PLACEHOLDER = re.compile(r"@([A-Z][A-Z0-9_]*)@")
EXAMPLE = re.compile(r"```(?:php|js|ts)\n((?:<\?php\n)?// ([\w./-]+\.(?:php|mjs|ts))\b.*?)```", re.DOTALL)
OF_LARAVEL = ("app/", "bootstrap/", "database/", "routes/")
SECRETS = {
    "APP_KEY": APP_KEY,
    "INTERNAL_API_SECRET": INTERNAL,
    "STRIPE_SECRET": LIVE_STRIPE,
    "AWS_ACCESS_KEY_ID": LIVE_AWS,
    "BUCKET_PREFIX": "acme",
    "REDIS_QUEUE_HOST": "queues.internal",
    "REDIS_CACHE_HOST": "cache.internal",
    "RELEASE": "2026.11.29",
}
"""Values of placeholders that posture compares, or that must be well-formed; every other has its own name in it."""
ENVIRONMENTS = {
    "laravel/env.example": "backend/.env",
    "pdf-service/env.example": "pdf-service/.env",
    "nuxt/env.example": "storefront/.env",
}
COMPOSER = """{"require": {"php": "^8.2", "laravel/framework": "^11.0", "laravel/horizon": "^5.0",
"sentry/sentry-laravel": "^4.0"}}"""
COMPOSER_LOCK = """{"packages": [{"name": "laravel/framework", "version": "v11.31.0"},
{"name": "laravel/horizon", "version": "v5.30.1"}, {"name": "sentry/sentry-laravel", "version": "4.13.0"}]}"""


def filled(template: Path, directory: Path, **values: str) -> str:
    """The text of a template as fill.py makes it, with these values or made-up ones; `directory` holds them."""
    text = template.read_text(encoding="utf-8")
    directory.mkdir(exist_ok=True)
    for name in PLACEHOLDER.findall(text):
        (directory / name).write_text(values.get(name) or SECRETS.get(name) or f"of-{name.lower()}", encoding="utf-8")
    made: str = runpy.run_path(str(FILL))["filled"](text, directory)
    return made


def examples() -> dict[str, str]:
    """The files of the pages by their names; a name stands once."""
    found: dict[str, str] = {}
    for page in sorted(PAGES.glob("*.md")):
        for text, name in EXAMPLE.findall(page.read_text(encoding="utf-8")):
            assert name not in found, f"{name} stands twice in docs/platform"
            found[name] = text
    return found


def from_templates(directory: Path) -> Mapping[str, str]:
    """The files of the platform by their path; `directory` is for the values."""
    files = {
        f"deploy/platform/{template.relative_to(TEMPLATES)}": template.read_text(encoding="utf-8")
        for template in sorted(TEMPLATES.rglob("*"))
        if template.is_file() and template.suffix not in (".php", ".example", ".pyc")
    }
    files |= {
        f"backend/config/{template.name}": template.read_text(encoding="utf-8")
        for template in (TEMPLATES / "laravel" / "config").glob("*.php")
    }
    for template, place in ENVIRONMENTS.items():
        files[place] = filled(TEMPLATES / template, directory)
    for name, text in examples().items():
        files[f"backend/{name}" if name.startswith(OF_LARAVEL) else name] = text
    migration = "database/migrations/2026_01_01_000000_drop_old_artwork.php"
    return files | {
        f"backend/{migration}": AS_FOUND[f"backend/{migration}"],
        "backend/composer.json": COMPOSER,
        "backend/composer.lock": COMPOSER_LOCK,
        "pdf-service/package.json": '{"dependencies": {"bullmq": "^5.0.0", "@sentry/node": "^9.0.0"}}',
        "pdf-service/package-lock.json": NODE_LOCK,
        "storefront/package.json": '{"dependencies": {"nuxt": "^3.13.0", "@sentry/nuxt": "^9.0.0"}}',
        "storefront/package-lock.json": '{"lockfileVersion": 3, "packages": {"node_modules/nuxt": '
        '{"version": "3.13.2"}, "node_modules/@sentry/nuxt": {"version": "9.1.0"}}}',
    }
