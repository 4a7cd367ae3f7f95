"""Which order a failed job was for: by JSON, and through what PHP serialized, without ever believing its lengths."""

import subprocess
from shutil import which
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from printflow_reliability.queues.order_jobs import order_jobs, value_at
from printflow_reliability.queues.php_serialized import deserialized
from printflow_reliability.queues.state import FailedJob
from printflow_reliability.settings import QueueOrderSettings

MODEL = (
    'O:25:"App\\Jobs\\MakePrintFileJob":2:{s:8:"\0*\0order";O:45:"Illuminate\\Contracts\\Database\\ModelIdentifier"'
    ':5:{s:5:"class";s:16:"App\\Models\\Order";s:2:"id";i:10482;s:9:"relations";a:0:{}s:10:"connection";s:5:"pgsql";'
    's:15:"collectionClass";N;}s:3:"job";N;}'
)
PHP_PROGRAM = which("php")
PHP = r"""
namespace App\Jobs; enum Size: string { case A4 = 'a4'; }
class Make { public function __construct(public int $orderId, protected string $name, private ?array $more,
    public float $rate, public bool $rush, public Size $size) {} }
echo serialize(new Make(10482, "Zoë \u{1F5A8}", ['a' => [1, 2]], 1.5, true, Size::A4));
"""


@pytest.mark.parametrize(
    ("document", "path", "order"),
    [
        ({"order": {"id": 7}}, "order.id", "7"),
        ({"order": "PF-7"}, "order", "PF-7"),
        ({"orders": [{"id": 7}, {"id": 8}]}, "orders.1.id", "8"),
        ({"data": {"command": MODEL}}, "data.command.order.id", "10482"),
        ({"order": True}, "order", None),
        ({"order": None}, "order", None),
        ({"order": 7.5}, "order", None),
        ({"order": ""}, "order", None),
        ({"order": {"id": 7}}, "order", None),
        ({"orders": [7]}, "orders.1", None),
        ({"data": {"command": "eyJpdiI6IkFB"}}, "data.command.order.id", None),  # encrypted
        ("text", "order", None),
        (None, "order", None),
    ],
)
def test_the_order_is_what_stands_at_the_path(document: object, path: str, order: str | None) -> None:
    assert value_at(document, path) == order


def test_a_job_of_another_class_is_nobodys_and_one_without_its_order_is_counted() -> None:
    rule = QueueOrderSettings(job="make", path="order.id")
    jobs = [
        FailedJob("1", "make", {"order": {"id": 7}}, "no such font"),
        FailedJob("2", "mail", {"order": {"id": 8}}, ""),
        FailedJob("3", "make", {"number": 9}, ""),
        FailedJob("4", "make", None, ""),
    ]
    found = order_jobs(jobs, [rule])
    assert ([job.order for job in found.jobs], found.untold) == (["7"], 2)


@pytest.mark.skipif(PHP_PROGRAM is None, reason="php is not installed here")
def test_what_php_itself_wrote_is_read() -> None:
    written = subprocess.run([str(PHP_PROGRAM), "-r", PHP], capture_output=True, text=True, check=True).stdout
    assert deserialized(written) == {
        "orderId": 10482,
        "name": "Zoë \U0001f5a8",
        "more": {"a": {"0": 1, "1": 2}},
        "rate": 1.5,
        "rush": True,
        "size": "A4",
    }


@pytest.mark.parametrize(
    "hostile",
    [
        *("", "x", "i:5", "i:x;", 's:99:"a";', 's:-1:"a";', 's:1:"ab";', "a:1:{}", "a:99999999999:{i:0;i:1;}"),
        *('O:3:"Foo":1:{', 'C:3:"Foo":0:{}', "a:1:{i:0;" * 500, "i:1;i:2;", "N;" * 2, "i:" + "9" * 5000 + ";"),
        "s:2000000:" + "x" * 2_000_000,
    ],
)
def test_what_is_cut_off_false_or_endless_is_refused(hostile: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        deserialized(hostile)


@given(st.text(max_size=60))
def test_no_text_whatever_breaks_the_reader(text: str) -> None:
    read: Any = None
    try:
        read = deserialized(text)
    except (ValueError, OverflowError):
        return
    assert read is None or isinstance(read, str | int | float | dict)


def test_a_job_that_does_not_even_tell_its_class_may_be_of_an_order() -> None:
    lost = FailedJob("1", "", None, "")
    assert order_jobs([lost], [QueueOrderSettings(job="make", path="order.id")]).untold == 1
    assert order_jobs([lost], []).untold == 0
