"""What every test shares."""

pytest_plugins = ["printflow_reliability_tests.alarm_table", "pytester"]
