"""The registered checks of the platform's own code and configuration, as `printflow posture` reads them."""

from printflow_reliability.check_entry import Check
from printflow_reliability.findings import Severity

_SEE = "See printflow posture, which names file and line"

POSTURE_CHECKS = (
    Check(
        "posture.environment",
        "Is the platform's environment that of production, with the same secrets on both sides?",
        Severity.ERROR,
        "Red: an .env is not fit for production, or nobody can read it. "
        f"{_SEE}; change it there, then run printflow posture again.",
    ),
    Check(
        "posture.queues",
        "Are the platform's queues off sync, on a Redis of their own, with a supervisor for print jobs?",
        Severity.ERROR,
        f"Red: jobs can be lost, run twice or wait behind others by the configuration. {_SEE} and the right value.",
    ),
    Check(
        "posture.jobs",
        "Is every queued job bounded, and does its failure reach somebody?",
        Severity.ERROR,
        f"Red: a job class lacks tries, backoff, a timeout, failed() or uniqueness. {_SEE} of each class.",
    ),
    Check(
        "posture.skips",
        "Does the platform's code stop where a file is missing or its link cannot be written?",
        Severity.CRITICAL,
        "Red: code passes over a missing file or hides an error of the store, so orders lose their artwork. "
        f"{_SEE}; see also what it has done already: printflow orders held.",
    ),
    Check(
        "posture.files",
        "Does the platform keep its files so that no error, delete or tenant takes them away?",
        Severity.ERROR,
        "Red: the store's errors are hidden, tenants share a disk, or a delete is for good. "
        f"{_SEE}; what is lost already: printflow files reconcile.",
    ),
    Check(
        "posture.monitoring",
        "Do errors of every application reach somebody, without personal data?",
        Severity.ERROR,
        f"Red: an application fails in silence, or its reports hold personal data. {_SEE} of each application.",
    ),
    Check(
        "posture.health",
        "Has the platform a liveness and a readiness probe, and does somebody outside ask them?",
        Severity.ERROR,
        f"Red: a host that cannot work is given orders, or is restarted for a slow database. {_SEE} of each route.",
    ),
    Check(
        "posture.delivery",
        "Are packages locked, hosts described as code, and migrations preceded by a backup?",
        Severity.ERROR,
        "Red: what runs cannot be made again, or a migration cannot be undone. "
        f"{_SEE}; before a migration: printflow backup before-migrate.",
    ),
)
