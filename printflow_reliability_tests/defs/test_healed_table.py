"""What a pass brought back by itself, as the asset's metadata have it."""

from printflow_reliability.defs.files import healed_table
from printflow_reliability.files.heal_report import HealAction, HealStatus
from printflow_reliability.files.healing_report import HealingReport


def test_each_file_that_is_back_is_named_and_nothing_is_said_of_none() -> None:
    action = HealAction(HealStatus.HEALED, "files", "shops/1/a|b.pdf", "1", "order 7", "back from version v1")
    assert healed_table(None) == {}
    assert healed_table(HealingReport(applied=True)) == {}
    table = healed_table(HealingReport(applied=True, brought_back=[action]))["healed"].value
    assert "| healed | shops/1/a\\|b.pdf | back from version v1 |" in str(table)
