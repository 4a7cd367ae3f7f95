"""What the platform asks before it goes on, on the foreign platform: the healthy case of each."""

import pytest

from printflow_reliability_tests.stack.foreign.platform import ForeignPlatform

pytestmark = pytest.mark.stack

PAID = """
SELECT p.id, p.merchant::text, 'shops/' || m.slug || '/print/' || f.id || '/' || f.file_name
FROM purchases p JOIN merchants m ON m.id = p.merchant JOIN purchase_lines l ON l.purchase = p.id
JOIN media f ON f.id = l.medium WHERE p.state = 'bezahlt' AND m.slug LIKE 'o''%' ORDER BY p.id LIMIT 1"""


def test_a_print_file_is_accepted_once_whatever_its_key_is_made_of(foreign: ForeignPlatform) -> None:
    with foreign.connect() as connection:
        number, merchant, key = connection.execute(PAID).fetchone() or (0, "", "")
    accepted = foreign.run("pdf", "accept", str(number), "1", f"s3://media/{key}", "--tenant", merchant, "--json")
    again = foreign.run("pdf", "accept", str(number), "1", "s3://media/another.pdf", "--json")

    assert (accepted.exit_code, again.exit_code) == (0, 0), (accepted, again)
    assert (accepted.document["key"], accepted.document["verdict"]) == (key, "good")
    assert (accepted.document["new"], again.document["new"]) == (True, False)
    assert again.document["key"] == key
