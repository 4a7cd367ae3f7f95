"""The link to a drill's report is one that a browser opens, or the command that fetches it."""

from types import SimpleNamespace
from typing import cast

import dagster as dg
import pytest

from printflow_reliability.defs.drills import report_link
from printflow_reliability.settings import BucketSettings, DrillsSettings, Settings


def settings(bucket: BucketSettings) -> Settings:
    found = SimpleNamespace(drills=DrillsSettings(reports_bucket="reports"), bucket_named=lambda _name: bucket)
    return cast(Settings, found)


AWS = BucketSettings(name="reports", bucket="pf reports", region="eu-west-1")
OTHER = BucketSettings(name="reports", bucket="pf", endpoint_url="https://s3.example.net")


@pytest.mark.parametrize(
    ("bucket", "address", "url"),
    [
        (OTHER, "https://drills.example.net/drills/3/report.html", "https://drills.example.net/drills/3/report.html"),
        (
            AWS,
            "s3://pf reports/drills/3/report.html",
            "https://s3.console.aws.amazon.com/s3/object/pf%20reports?region=eu-west-1&prefix=drills%2F3%2Freport.html",
        ),
    ],
)
def test_a_link_opens_in_a_browser(bucket: BucketSettings, address: str, url: str) -> None:
    assert report_link(settings(bucket), 3, address) == dg.MetadataValue.url(url)


def test_an_address_that_no_browser_opens_is_no_link() -> None:
    found = report_link(settings(OTHER), 3, "s3://pf/drills/3/report.html")

    assert isinstance(found, str)
    assert found.startswith("printflow drill report 3")


def test_without_a_report_the_drill_itself_is_shown() -> None:
    assert report_link(settings(OTHER), 3, None) == "not kept; printflow drill show 3"
