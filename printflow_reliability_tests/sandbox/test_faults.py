"""Every fault that can be planted says which registered check must ring, and what must be found because of it."""

import pytest

from printflow_reliability.files import kinds
from printflow_reliability.pdf.inspection import Verdict
from printflow_reliability.register import REGISTER
from printflow_reliability.sandbox.faults import FAULTS, Fault


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_fault_names_its_check_and_what_is_expected(fault: Fault) -> None:
    assert fault.check in REGISTER
    assert fault.expected
    assert fault.expected[-1] != "."


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_finding_that_a_fault_promises_is_of_a_kind_its_check_has(fault: Fault) -> None:
    known = {**kinds.KINDS_OF_CHECK, "pdf.integrity": tuple(Verdict)}
    assert fault.kind in known.get(fault.check, ("",))


def test_the_faults_that_a_platform_must_survive_are_all_there() -> None:
    assert FAULTS.keys() >= {
        "print_ready_link_lost",
        "object_deleted",
        "object_gone",
        "pdf_truncated",
        "pdf_html_error",
        "wrong_tenant_path",
        "key_near_miss",
        "orphaned_regenerations",
        "wal_segment_missing",
        "backup_byte_flipped",
        "foreign_key_violated",
    }
