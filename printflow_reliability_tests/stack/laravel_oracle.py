"""Laravel's own code as far as Debian has it (8.83), which says of its queues what is in them."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from printflow_reliability_tests.stack.redis_here import PASSWORD, RedisHere

SCRIPT = Path(__file__).with_name("laravel_states.php")
PACKAGES = "php-cli php-illuminate-queue php-illuminate-redis php-nrk-predis php-pgsql"
THERE = """
exit((int) !(stream_resolve_include_path('Illuminate/Queue/autoload.php')
    && stream_resolve_include_path('Predis/Autoloader.php') && extension_loaded('pdo_pgsql')));"""
PREFIX = "shop_database_"
QUEUE = "print [*] files"


def laravel(server: RedisHere, dsn: str | None = None, queue: str = "") -> dict[str, Any]:
    """Put jobs into every state; what Laravel says of them, by queue."""
    php = shutil.which("php")
    if php is None or subprocess.run([php, "-r", THERE], check=False, capture_output=True).returncode:
        pytest.skip(f"Laravel is not installed here: apt-get install {PACKAGES}")
    wanted = {"port": server.port, "password": PASSWORD, "dsn": dsn, "queue": queue}
    ended = subprocess.run(
        [php, "-d", "error_reporting=8191", "-d", "display_errors=stderr", str(SCRIPT)],
        input=json.dumps(wanted) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    document: dict[str, Any] = json.loads(ended.stdout)
    return document
