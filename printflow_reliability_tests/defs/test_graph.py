"""The graph is built from printflow.toml: its clusters and buckets are the external assets, whatever their names."""

import warnings
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import settings as sampling
from hypothesis import strategies as st

from printflow_reliability.definitions import load_definitions
from printflow_reliability.defs.graph import RESERVED, graph_of
from printflow_reliability.settings import BucketSettings, ClusterSettings, Settings
from printflow_reliability_tests.defs.configuration import write

names = st.lists(st.text(st.characters(exclude_characters="\0"), min_size=1), min_size=1, unique=True)
DEFINITIONS = Path(load_definitions.__code__.co_filename).parent / "defs"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "printflow.toml"
    monkeypatch.setenv("PRINTFLOW_CONFIG", str(file))
    return file


def parents(graph: Any, name: str) -> set[str]:
    return {key.to_user_string() for key in graph.get(dg.AssetKey([name])).parent_keys}


def externals(graph: Any) -> set[str]:
    """The keys of what Dagster only looks at; queues are looked at by queue_health."""
    observed = graph.get_all_asset_keys() - graph.materializable_asset_keys
    assert all(graph.get(key).is_observable or key.path[-1].endswith("_queue") for key in observed)
    return {key.to_user_string() for key in observed}


def test_the_systems_of_the_file_are_the_external_assets(config: Path) -> None:
    write(config, ["shop", "back office"], ["art", "reports"])

    graph = load_definitions().resolve_asset_graph()

    assert externals(graph) == {"shop", "back_office", "art_bucket", "reports_bucket"}
    for name in ("base_backup", "wal_archive", "backup_integrity", "recovery_fence", "restore_drill"):
        assert {"shop", "back_office"} <= parents(graph, name), name
    assert parents(graph, "tenant_files") == {"shop", "art_bucket"}
    assert {"shop", "art_bucket"} <= parents(graph, "paid_orders")
    assert {"wal_archive", "recovery_fence", "art_bucket"} <= parents(graph, "restore_drill")
    assert parents(graph, "art_bucket") == {"shop"}
    assert parents(graph, "reports_bucket") == set()


def test_another_file_is_another_graph(config: Path) -> None:
    write(config, ["main"], ["files"])

    assert externals(load_definitions().resolve_asset_graph()) == {"main", "files_bucket"}


def test_names_that_are_taken_or_alike_each_get_a_key_of_their_own(config: Path) -> None:
    write(config, ["restore_drill", "a-b", "a_b", "a.b", "x_bucket"], ["x", "größe"])

    graph = load_definitions().resolve_asset_graph()

    assert externals(graph) == {
        *("restore_drill_2", "a_b", "a_b_2", "a_b_3", "x_bucket"),
        *("x_bucket_2", "gr__e_bucket"),
    }
    assert {"restore_drill_2", "a_b", "a_b_2", "a_b_3", "x_bucket"} <= parents(graph, "base_backup")


@sampling(deadline=None, max_examples=50)
@given(names, names)
def test_whatever_systems_are_called_each_is_an_asset(clusters: list[str], buckets: list[str]) -> None:
    settings = Settings.model_construct(
        cluster=tuple(
            ClusterSettings(name=name, url="postgresql://localhost/x", pgbackrest_config=Path("p")) for name in clusters
        ),
        bucket=tuple(BucketSettings(name=name, bucket="b") for name in buckets),
        tenancy=type("Tenancy", (), {"cluster": ""}),
        orders=type("Orders", (), {"cluster": "", "bucket": ""}),
        reference=(),
        drills=type("Drills", (), {"reports_bucket": None}),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        keys = [spec.key for spec in graph_of(settings, Path("printflow.toml")).systems]

    assert len(set(keys)) == len(keys) == len(settings.cluster) + len(settings.bucket)
    assert not set(keys) & {dg.AssetKey([name]) for name in RESERVED}


def test_without_a_configuration_the_definitions_load_and_say_what_is_missing(config: Path) -> None:
    found = load_definitions()

    graph = found.resolve_asset_graph()
    assert externals(graph) == {f"unconfigured_{kind}" for kind in ("cluster", "bucket", "redis", "queue")}
    for key in graph.observable_asset_keys:
        assert f"there is no configuration file {config}" in (graph.get(key).description or "")
        assert "PRINTFLOW_CONFIG" in (graph.get(key).description or "")
    assert {check.asset_key for check in graph.asset_check_keys}  # all the rest is as ever


def test_a_configuration_that_is_wrong_says_what_is_wrong(config: Path) -> None:
    write(config, ["shop"], ["art"])
    config.write_text(config.read_text().replace("[[cluster]]", "[[clutser]]"))

    graph = load_definitions().resolve_asset_graph()

    assert 'did you mean "cluster"' in (graph.get(dg.AssetKey(["unconfigured_cluster"])).description or "")


def test_no_secret_of_the_file_is_in_the_graph(config: Path) -> None:
    write(config, ["shop"], ["art"])

    graph = load_definitions().resolve_asset_graph()

    shown = [(graph.get(key).metadata, graph.get(key).description) for key in graph.observable_asset_keys]
    assert "hush" not in repr(shown)


def test_the_names_that_systems_cannot_have_are_those_of_the_graphs_own_assets(config: Path) -> None:
    graph = load_definitions().resolve_asset_graph()

    assert {key.to_user_string() for key in graph.materializable_asset_keys} == RESERVED


def test_nothing_in_the_definitions_is_called_as_one_installation_calls_it() -> None:
    texts = {file.name: file.read_text(encoding="utf-8") for file in DEFINITIONS.glob("*.py")}

    assert texts
    for name, text in texts.items():
        for installations in ("live_db", "admin_db", "print_files", "print-files"):
            assert installations not in text, name


def test_each_asset_is_linked_to_its_source(config: Path) -> None:
    write(config, ["shop"], ["art"])

    graph = load_definitions().resolve_asset_graph()

    for key in graph.get_all_asset_keys():
        (reference,) = graph.get(key).metadata["dagster/code_references"].code_references
        assert Path(reference.file_path).is_file(), key
    drill = graph.get(dg.AssetKey(["restore_drill"])).metadata["dagster/code_references"].code_references[0]
    assert Path(drill.file_path).read_text().splitlines()[drill.line_number - 1].startswith("@dg.asset")


def test_each_asset_of_databases_and_files_has_its_section_of_the_runbook_to_be_read_in_the_browser(
    config: Path,
) -> None:
    write(config, ["shop"], ["art"])

    graph = load_definitions().resolve_asset_graph()

    for key in graph.get_all_asset_keys() - {dg.AssetKey(["alert_delivery"]), dg.AssetKey(["readiness"])}:
        assert isinstance(graph.get(key).metadata["runbook"], dg.MarkdownMetadataValue), key
    text = graph.get(dg.AssetKey(["wal_archive"])).metadata["runbook"].md_str
    assert text.startswith("# A cluster is lost")
    assert f"printflow --config {config} backup list" in text


def test_without_a_configuration_the_runbook_is_a_command(config: Path) -> None:
    graph = load_definitions().resolve_asset_graph()

    assert graph.get(dg.AssetKey(["tenant_files"])).metadata["runbook"] == "printflow runbook bucket-damaged"
