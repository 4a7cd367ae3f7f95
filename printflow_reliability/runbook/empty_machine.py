"""The runbook's scenario in which nothing is left but the offsite region: the configuration comes first."""

import shlex

from printflow_reliability.runbook.names import Names, Scenario, Step, inspect_recovered, recover_command
from printflow_reliability.settings.clusters import OWN_RECORDS


def empty_machine(names: Names) -> Scenario:
    """The steps from a clean machine to running clusters, with what is offsite alone."""
    settings = names.settings
    offsite = max(settings.cluster[0].repositories)
    return Scenario(
        "empty-machine",
        "Nothing is left but the offsite region",
        "Are the servers lost and the machine with printflow.toml as well, so that only the offsite region is left?",
        (
            Step(
                "On a clean machine: install this program, pgBackRest and PostgreSQL of the clusters' versions. From "
                "the safe: the age key, the bucket's read-only key as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and "
                "the file of the store's authority if it has one of its own."
            ),
            *_configuration_back(names),
            Step(
                f"Recover every cluster from the offsite repository, repo{offsite}.",
                recover_command(names, "latest", offsite),
                True,
            ),
            *inspect_recovered(names),
            *_memory_back(names),
            Step("Let [[bucket]] in printflow.toml and the application's disks name the replica's bucket."),
            Step("Hand over as in cluster-lost, then point the names in DNS at this machine."),
        ),
    )


def _configuration_back(names: Names) -> list[Step]:
    """The configuration out of the bucket, as a machine reads it that has none."""
    section, dumps = names.settings.config_backup, names.settings.dumps
    if section is None or dumps is None:
        return [
            Step(
                "Write printflow.toml and pgBackRest's configuration anew, with the passphrases of the repositories: "
                "no copy of them is configured ([config_backup] in printflow.toml)."
            )
        ]
    bucket = names.settings.bucket_named(section.bucket or dumps.bucket)
    where = ["--bucket", bucket.bucket, "--region", bucket.region]
    where += ["--endpoint", bucket.endpoint_url] if bucket.endpoint_url else []
    where += ["--ca-file", str(bucket.ca_file)] if bucket.ca_file else []
    where += ["--name", section.name]
    into = names.configuration
    restore = ["printflow", "config", "restore", *where, "--identity", names.facts.identity, "--into", str(into)]
    return [
        Step("Bring the newest copy of the configuration into a directory.", shlex.join([*restore, "--apply"]), True),
        Step("Look at it: is it yours, and not an intruder's?"),
        Step("Put the files in their places.", shlex.join(["cp", "-a", f"{into}/files/.", "/"])),
    ]


def _memory_back(names: Names) -> list[Step]:
    """The records and the queues, which a recovery of clusters does not need."""
    section = names.settings.config_backup
    if section is None:
        return []
    restore = names.printflow("dump", "restore", "--cluster", OWN_RECORDS, "--identity", names.facts.identity)
    return [
        Step(
            "Make an empty database for the records where records.url leads, then bring them back: "
            f"{restore} --into file:FILE_WITH_THAT_URL --apply"
        ),
        *(
            Step(
                f"Bring the queues of Redis {server.name} back, into an empty Redis: cat "
                f"{shlex.quote(str(names.configuration / 'redis' / server.name))}/*.resp | redis-cli --pipe"
            )
            for server in section.redis
        ),
    ]
