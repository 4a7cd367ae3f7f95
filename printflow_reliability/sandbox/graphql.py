"""Launches and watches Dagster runs from outside, through the webserver's GraphQL, as any other client would."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from printflow_reliability.errors import CouldNotTell

LOCATION = "printflow_reliability.definitions"
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": LOCATION}
ASSET_JOB = "__ASSET_JOB"
"""The job in which Dagster runs assets that are materialized by hand."""
ENDED = ("SUCCESS", "FAILURE", "CANCELED")
POLL_SECONDS = 1.0

LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on InvalidSubsetError { message }
    ... on PipelineNotFoundError { message }
  }
}
"""
RUN = """
query ($id: ID!) {
  runOrError(runId: $id) {
    __typename
    ... on Run {
      status
      assetMaterializations {
        assetKey { path }
        partition
        metadataEntries {
          label
          ... on IntMetadataEntry { intRepr }
          ... on FloatMetadataEntry { floatValue }
          ... on TextMetadataEntry { text }
        }
      }
      eventConnection(limit: 1000) {
        events { ... on AssetCheckEvaluationEvent { evaluation { checkName success description } } }
      }
    }
  }
}
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
RUNS = """
query ($job: String!) {
  runsOrError(filter: {pipelineName: $job}) {
    ... on Runs { results { runId status tags { key value } } }
  }
}
"""
SCHEDULES = """
query ($repository: RepositorySelector!) {
  schedulesOrError(repositorySelector: $repository) {
    __typename
    ... on Schedules { results { name scheduleState { id selectorId } } }
    ... on PythonError { message }
  }
}
"""
STOP_SCHEDULE = """
mutation ($id: String!) {
  stopRunningSchedule(id: $id) { __typename ... on PythonError { message } }
}
"""
START_SCHEDULE = """
mutation ($selector: ScheduleSelector!) {
  startSchedule(scheduleSelector: $selector) { __typename ... on PythonError { message } }
}
"""
DAEMONS = """
{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }
"""
PARTITIONS = """
query ($asset: AssetKeyInput!) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode { partitionKeys } }
}
"""


@dataclass(frozen=True)
class Ended:
    """A run that ended.

    Attributes:
        status: SUCCESS, FAILURE or CANCELED.
        numbers: the figures of its materializations, by asset.
        failed_checks: what each check that did not pass said, by its name as Dagster spells it.
    """

    run_id: str
    status: str
    numbers: Mapping[str, Mapping[str, Any]]
    failed_checks: Mapping[str, str]

    @property
    def succeeded(self) -> bool:
        """Whether every step, and with them every blocking check, succeeded."""
        return self.status == "SUCCESS"


@dataclass(frozen=True)
class PartitionRun:
    """A run of one partition."""

    run_id: str
    partition: str
    status: str


class Webserver:
    """Dagster's webserver at a loopback address."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._client = httpx.Client(base_url=endpoint, timeout=30, trust_env=False)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def loaded(self) -> None:
        """Return if the definitions are loaded.

        Raises:
            CouldNotTell: it does not answer, or they are not.
        """
        found = self._ask(SCHEDULES, {"repository": REPOSITORY})["schedulesOrError"]
        if found["__typename"] != "Schedules":
            raise CouldNotTell(f"Dagster has not loaded the definitions: {found.get('message', found['__typename'])}")

    def daemons_healthy(self) -> bool:
        """Whether every daemon that this instance requires has sent its heartbeat."""
        statuses = self._ask(DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        required = [daemon for daemon in statuses if daemon["required"]]
        return bool(required) and all(daemon["healthy"] for daemon in required)

    def stop_schedules(self) -> Sequence[str]:
        """Stop every schedule; says which."""
        schedules = self._ask(SCHEDULES, {"repository": REPOSITORY})["schedulesOrError"]["results"]
        for schedule in schedules:
            stopped = self._ask(STOP_SCHEDULE, {"id": schedule["scheduleState"]["id"]})["stopRunningSchedule"]
            _require(stopped, "ScheduleStateResult", f"stop schedule {schedule['name']}")
        return [schedule["name"] for schedule in schedules]

    def start_schedules(self, names: Sequence[str]) -> None:
        """Start these schedules."""
        for name in names:
            selector = {**REPOSITORY, "scheduleName": name}
            started = self._ask(START_SCHEDULE, {"selector": selector})["startSchedule"]
            _require(started, "ScheduleStateResult", f"start schedule {name}")

    def partitions(self, asset: str) -> Sequence[str]:
        """The partition keys of an asset, in their order."""
        found: list[str] = self._ask(PARTITIONS, {"asset": {"path": [asset]}})["assetNodeOrError"]["partitionKeys"]
        return found

    def materialize(
        self, *assets: str, config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """Queue one run that materializes these assets, as the UI's button does; returns its id.

        Raises:
            CouldNotTell: Dagster refuses, with its reason.
        """
        selection = [{"path": [asset]} for asset in assets]
        params = {
            "selector": {**REPOSITORY, "jobName": ASSET_JOB, "assetSelection": selection},
            "runConfigData": config or {},
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]},
        }
        answer = self._ask(LAUNCH, {"params": params})["launchRun"]
        _require(answer, "LaunchRunSuccess", f"materialize {', '.join(assets)}")
        return str(answer["run"]["runId"])

    def wait(self, run_id: str, *, timeout: float) -> Ended:
        """Wait for a run's end.

        Raises:
            CouldNotTell: it did not end in time.
        """
        deadline = time.monotonic() + timeout
        while True:
            run = self._ask(STATUS, {"id": run_id})["runOrError"]
            if run.get("status") in ENDED:
                return self._ended(run_id)
            if time.monotonic() > deadline:
                raise CouldNotTell(
                    f"run {run_id} is {run.get('status', 'lost')} after {timeout:.0f} s",
                    f"look at {self.run_url(run_id)}",
                )
            time.sleep(POLL_SECONDS)

    def _ended(self, run_id: str) -> Ended:
        run = self._ask(RUN, {"id": run_id})["runOrError"]
        evaluations = [event["evaluation"] for event in run["eventConnection"]["events"] if "evaluation" in event]
        failed = {
            evaluation["checkName"]: evaluation["description"] or ""
            for evaluation in evaluations
            if not evaluation["success"]
        }
        return Ended(run_id, run["status"], _numbers(run["assetMaterializations"]), failed)

    def partition_runs(self, job: str) -> Sequence[PartitionRun]:
        """Every run of a partitioned job, newest first."""
        found = []
        for run in self._ask(RUNS, {"job": job})["runsOrError"]["results"]:
            tags = {tag["key"]: tag["value"] for tag in run["tags"]}
            found.append(PartitionRun(run["runId"], tags.get("dagster/partition", ""), run["status"]))
        return found

    def run_url(self, run_id: str) -> str:
        """Where a person sees that run."""
        return f"{self.endpoint}/runs/{run_id}"

    def _ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = self._client.post("/graphql", json={"query": query, "variables": variables or {}})
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise CouldNotTell(f"Dagster's webserver at {self.endpoint} does not answer: {error!r}") from None
        if answer.get("errors"):
            raise CouldNotTell(f"Dagster's webserver refused: {answer['errors'][0]['message']}")
        data: dict[str, Any] = answer["data"]
        return data


def _require(answer: Mapping[str, Any], wanted: str, doing: str) -> None:
    if answer["__typename"] != wanted:
        reason = answer.get("message") or "; ".join(error["message"] for error in answer.get("errors", ()))
        raise CouldNotTell(f"Dagster did not {doing}: {answer['__typename']} {reason}".rstrip())


def _numbers(materializations: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for materialization in materializations:
        values = found.setdefault("/".join(materialization["assetKey"]["path"]), {})
        for entry in materialization["metadataEntries"]:
            if "intRepr" in entry:
                values[entry["label"]] = int(entry["intRepr"])
            else:
                values[entry["label"]] = entry.get("floatValue", entry.get("text"))
    return found
