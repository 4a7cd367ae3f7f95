"""Queued classes, labelled by hand in both directions; which classes are queued at all."""

import pytest

from printflow_reliability.checks import Outcome
from printflow_reliability.posture.applications import Application, Kind
from printflow_reliability.posture.items import Item
from printflow_reliability.posture.job_settings import perhaps_queued, queued_jobs
from printflow_reliability.posture.jobs import judge_jobs
from printflow_reliability.posture.php.classes import ClassIndex
from printflow_reliability.posture.sources import PhpSource
from printflow_reliability_tests.posture.job_table import HEAD, LABELS, Label, job

WORKER_SECONDS = 60.0


def indexed(*files: str) -> ClassIndex:
    index = ClassIndex()
    for number, php in enumerate(files):
        index.add(f"{number}.php", php.encode())
    assert index.broken == []
    return index


def items_of(php: str, framework: int | None = 12) -> list[Item]:
    source = PhpSource(Application(Kind.LARAVEL, "", "composer.json"), indexed(php))
    return judge_jobs(source, framework, lambda _queue: WORKER_SECONDS)


def names(*files: str) -> list[str]:
    return [found.declared.name for found in queued_jobs(indexed(*files), 12)]


@pytest.mark.parametrize("label", LABELS.values(), ids=list(LABELS))
def test_a_setting_is_what_the_queue_makes_of_it(label: Label) -> None:
    mine = [item for item in items_of(label.php, label.framework) if item.subject == "App\\Jobs\\Job"]
    assert [(item.rule.name, item.outcome) for item in mine if item.rule.name == label.kind] == [
        (label.kind, label.outcome)
    ]


def test_the_table_has_every_kind_in_both_directions() -> None:
    assert len(LABELS) >= 60
    for kind in {label.kind for label in LABELS.values()}:
        assert {Outcome.PASS, Outcome.FAIL} <= {label.outcome for label in LABELS.values() if label.kind == kind}


def test_a_class_is_queued_by_its_parent_an_interface_of_its_own_or_another_namespace() -> None:
    contract = (
        "<?php namespace Shop\\Contracts; interface Queued extends \\Illuminate\\Contracts\\Queue\\ShouldQueue {}"
    )
    base = "<?php namespace Shop; use Shop\\Contracts as C; abstract class Base implements C\\Queued {}"
    last = "<?php namespace Shop\\Deep; class Job extends \\SHOP\\base {} final class Other extends Job {}"
    assert names(last, base, contract) == ["Shop\\Deep\\Job", "Shop\\Deep\\Other"]


def test_two_namespaces_of_one_file_have_imports_of_their_own() -> None:
    php = """<?php
namespace A { use Illuminate\\Contracts\\Queue\\ShouldQueue; class Queued implements ShouldQueue {} }
namespace B { class Plain implements ShouldQueue {} }
"""
    assert names(php) == ["A\\Queued"]


@pytest.mark.parametrize(
    "php",
    [
        "<?php namespace App; class Plain { public $tries = 3; }",
        "<?php namespace App; class Own implements ShouldQueue {}",  # of this namespace, not of Laravel
        "<?php use Illuminate\\Contracts\\Queue\\ShouldQueue; abstract class Base implements ShouldQueue {}",
        "<?php use Illuminate\\Contracts\\Queue\\ShouldQueue; interface Queued extends ShouldQueue {}",
        "<?php // class Job implements \\Illuminate\\Contracts\\Queue\\ShouldQueue {}",
        "<?php use function Illuminate\\Contracts\\Queue\\ShouldQueue; class Job implements ShouldQueue {}",
    ],
)
def test_what_is_not_queued_is_no_job(php: str) -> None:
    assert names(php) == []


def test_a_class_without_a_name_is_a_job_too() -> None:
    (name,) = names(HEAD + "$job = new class implements ShouldQueue { public function handle() {} };")
    assert name.startswith("class@anonymous in 0.php:")


def test_a_class_that_inherits_itself_ends() -> None:
    assert names("<?php class A extends B {} class B extends A {}") == []


def test_a_class_made_to_be_queued_whose_parent_is_elsewhere_is_named() -> None:
    index = indexed(job(clause="extends VendorJob"))
    assert [found.name for found in perhaps_queued(index)] == ["App\\Jobs\\Job"]


def test_every_item_of_a_job_has_its_file_and_line() -> None:
    places = {item.rule.name: str(item.place) for item in items_of(job("    public $tries = 0;"))}
    head = HEAD.count("\n")
    assert places["job_tries"] == f"0.php:{head + 6}"
    assert places["job_failed"] == f"0.php:{head + 3}"
