"""The kinds of failure, how to tell them apart, and the steps of each; commands can be pasted as they stand.

Every command is run, in order, by a test that rehearses each scenario on real servers.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence

from printflow_reliability.runbook.empty_machine import empty_machine
from printflow_reliability.runbook.names import Names, Scenario, Step, inspect_recovered, recover_command
from printflow_reliability.settings import ClusterSettings

FILES_TOO = Step(
    "Only if files were damaged too: bring the buckets back to the same moment, before the application starts and the "
    "heartbeat goes on. The recovery has printed the command, printflow files rollback --to TIME: look at its plan, "
    "then run it with --apply. printflow files rollback --undo ID --apply takes it back."
)
"""What joins the databases and the buckets after a recovery."""


def scenarios(names: Names) -> Mapping[str, Scenario]:
    """Every scenario by name, in the order of the decision tree."""
    made: Sequence[Callable[[Names], Scenario]] = (
        _ransomware,
        empty_machine,
        _region_lost,
        _cluster_lost,
        _migration_failed,
        _bad_deploy,
        _table_dropped,
        _tenant_deleted,
        _bucket_damaged,
    )
    return {scenario.name: scenario for scenario in (make(names) for make in made)}


def _cluster_lost(names: Names) -> Scenario:
    return Scenario(
        "cluster-lost",
        "A cluster is lost",
        "Does a database server not start, or is its data directory damaged, with the repository intact?",
        (
            Step("See what can be restored.", names.printflow("backup", "list")),
            Step(
                "Recover every cluster to the end of WAL, beside production.",
                recover_command(names, "latest", None),
                True,
            ),
            *inspect_recovered(names),
            *_hand_over(names),
            FILES_TOO,
            *_follow_up(names),
        ),
    )


def _migration_failed(names: Names) -> Scenario:
    return Scenario(
        "migration-failed",
        "A migration went wrong",
        "Did a database migration just go wrong, with a restore point made before it (backup before-migrate)?",
        (
            Step("Stop the application: whatever it writes from now on is lost on the way back."),
            Step("See what can be restored.", names.printflow("backup", "list")),
            Step(
                "Recover every cluster to the restore point, beside production.",
                recover_command(names, f"point:{names.facts.point}", None),
                True,
            ),
            *inspect_recovered(names),
            Step("Deploy the application of before the migration, still stopped."),
            *_hand_over(names),
            FILES_TOO,
            *_follow_up(names),
        ),
    )


def _bad_deploy(names: Names) -> Scenario:
    rollback = ("files", "rollback", "--to", names.facts.at)
    return Scenario(
        "bad-deploy",
        "A deploy damaged rows and files",
        "Did a deploy, a script or a person damage both rows and files, from a moment on that is known?",
        (
            Step("Stop the application: whatever it wrote since that moment, and writes from now on, is lost."),
            Step("See what can be restored.", names.printflow("backup", "list")),
            Step(
                "Recover every cluster to the moment, beside production.",
                recover_command(names, names.facts.at, None),
                True,
            ),
            *inspect_recovered(names),
            Step("Deploy the application of before, still stopped."),
            *_hand_over(names),
            Step(
                "See what bringing the buckets back to the same moment would do, before the heartbeat goes on.",
                names.printflow(*rollback),
                True,
            ),
            Step(
                "Bring them back. Orders whose artwork becomes older are held first; printflow files rollback --undo "
                "ID --apply takes it back.",
                names.printflow(*rollback, "--apply"),
                True,
            ),
            *_follow_up(names),
        ),
    )


def _region_lost(names: Names) -> Scenario:
    offsite = max(names.settings.cluster[0].repositories)
    return Scenario(
        "region-lost",
        "The primary region is lost",
        "Is the whole primary region unreachable: servers, bucket and nearby repository?",
        (
            Step(
                f"Recover every cluster from the offsite repository, repo{offsite}.",
                recover_command(names, "latest", offsite),
                True,
            ),
            *inspect_recovered(names),
            Step("Let [[bucket]] in printflow.toml and the application's disks name the replica's bucket."),
            Step("Point the names in DNS at the recovered clusters, and give the application their secrets."),
        ),
    )


def _ransomware(names: Names) -> Scenario:
    offsite = max(names.settings.cluster[0].repositories)
    return Scenario(
        "ransomware",
        "Data was encrypted or altered on purpose",
        "Is there any sign of an intruder: encrypted files, a ransom note, rows altered on purpose?",
        (
            Step("Cut the network of every server of production. Do not switch them off: their memory is evidence."),
            Step("Revoke every key and password of production at the providers, from a clean machine."),
            Step(
                "See what is offsite, under Object Lock, where the intruder could not write.",
                names.printflow("backup", "list"),
            ),
            Step("Check every stored byte of the repositories.", names.printflow("backup", "verify")),
            Step(
                "If a repository was deleted or overwritten: see what its versions bring back. After pgbackrest stop, "
                "and with the credentials of [[backups.break_glass]], --apply does it.",
                names.printflow("backup", "undelete", "--before", names.facts.at),
                True,
            ),
            Step(
                "Recover from offsite to a moment before the intrusion.",
                recover_command(names, names.facts.at, offsite),
                True,
            ),
            *inspect_recovered(names),
            *_dumps(names),
            Step("Rebuild servers from clean images; only then hand over as in cluster-lost."),
        ),
    )


def _dumps(names: Names) -> list[Step]:
    """What is left should no repository be usable."""
    if names.settings.dumps is None:
        return []
    return [
        Step(
            "Should no repository be usable: see which encrypted dumps are left, which nobody can delete. On the "
            "machine with the identity, printflow dump restore KEY --into URL brings one into an empty database.",
            names.printflow("dump", "list"),
            True,
        )
    ]


def _table_dropped(names: Names) -> Scenario:
    cluster = names.settings.cluster_named(names.settings.tenancy.cluster)
    dump = names.as_server(
        names.server_program("pg_dump"), *names.recovered_psql(cluster), "--table", names.facts.table
    )
    load = names.by_hand(cluster, "psql")
    return Scenario(
        "table-dropped",
        "A table was dropped or emptied",
        "Are rows gone, of all tenants at once, while the servers run?",
        (
            Step(
                "Recover every cluster to just before it, beside production.",
                recover_command(names, names.facts.at, None),
                True,
            ),
            *inspect_recovered(names),
            Step(
                "Bring the table back. It must not exist in production: rename what is left of it first.",
                f"{dump} | {load} --single-transaction -v ON_ERROR_STOP=1 -q" if load else None,
            ),
            Step("End the recovered clusters.", _end_recovered(names)),
            *_follow_up(names),
        ),
    )


def _tenant_deleted(names: Names) -> Scenario:
    restore = ("tenant", "restore", names.facts.tenant, "--to", names.facts.at)
    return Scenario(
        "tenant-deleted",
        "One tenant's rows are gone",
        "Are rows or files gone of one tenant only?",
        (
            Step("See what would be written.", names.printflow(*restore)),
            Step("Write it.", names.printflow(*restore, "--apply")),
            *_follow_up(names),
        ),
    )


def _bucket_damaged(names: Names) -> Scenario:
    return Scenario(
        "bucket-damaged",
        "Files are missing or damaged",
        "Are the databases well, and files missing, overwritten or unreadable?",
        (
            Step("List every reference whose file is missing or wrong.", names.printflow("files", "reconcile"), True),
            Step("Judge every print file that changed.", names.printflow("pdf", "sweep"), True),
            Step("See which paid orders must not go to print.", names.printflow("orders", "held"), True),
            Step(
                "Were objects overwritten or deleted by the thousand, as by a bad deploy? See what bringing the "
                "buckets back to the moment before would do. What is current stays as a version. With --apply and "
                '--database-stays "REASON" it is done while the databases stay as they are. Where they go back too, '
                "recover them first (printflow runbook cluster-lost), and give no reason.",
                names.printflow("files", "rollback", "--to", names.facts.at),
                True,
            ),
            Step("See what can be brought back, and what is lost.", names.printflow("files", "heal"), True),
            Step("Bring it back.", names.printflow("files", "heal", "--apply"), True),
            Step("Look again.", names.printflow("files", "reconcile"), True),
            Step("See which paid orders are held all the same.", names.printflow("orders", "held"), True),
            Step(
                "Repair each of them: printflow orders repair ORDER says what would be done, and with --apply does "
                "it. It relinks, heals or regenerates the artwork, and names what is left to a person."
            ),
        ),
    )


def _hand_over(names: Names) -> list[Step]:
    """All clusters go through each step together, so that the application never meets halves of two states."""
    clusters = names.settings.cluster
    steps = [
        Step(f"Stop what is left of {cluster.name} in production.", names.by_hand(cluster, "stop"))
        for cluster in clusters
    ]
    steps += [Step(f"Stop the recovered {cluster.name} in good order.", _stop(names, cluster)) for cluster in clusters]
    for cluster in clusters:
        data = names.data(cluster)
        steps += [
            Step(
                f"Keep what was lost of {cluster.name}, to be looked into later.",
                shlex.join(["mv", data, f"{data}.lost"]),
            ),
            Step(
                f"Put the recovered {cluster.name} in its place.",
                shlex.join(["mv", str(names.recovered(cluster)), data]),
            ),
        ]
    return steps + [
        Step(f"Start {cluster.name}: it archives again, on a new timeline.", names.by_hand(cluster, "start"))
        for cluster in clusters
    ]


def _follow_up(names: Names) -> list[Step]:
    return [
        Step(
            "Take a full backup: the old ones end before the recovery.",
            names.printflow("backup", "run", "--type", "full"),
        ),
        Step("Compare every reference with the bucket.", names.printflow("files", "reconcile"), True),
        Step("See which paid orders must not go to print.", names.printflow("orders", "held"), True),
    ]


def _stop(names: Names, cluster: ClusterSettings) -> str:
    arguments = ("stop", "--wait", "--silent", "--mode=fast", "--pgdata", str(names.recovered(cluster)))
    return names.as_server(names.server_program("pg_ctl"), *arguments)


def _end_recovered(names: Names) -> str:
    stops = [_stop(names, cluster) for cluster in names.settings.cluster]
    return " && ".join([*stops, shlex.join(["rm", "-r", str(names.into)])])
