"""S3 clients that a server keeps: one for whatever is asked alike, for a while, and only where it says so."""

from concurrent.futures import ThreadPoolExecutor

from printflow_reliability.settings import BucketSettings
from printflow_reliability.storage.clients import KEPT_SECONDS, KeptClients, s3_client

FILES = BucketSettings(name="files", bucket="files", region="eu-west-1", access_key_id="a", secret_access_key="b")


def test_a_client_is_kept_for_as_long_as_nothing_that_it_is_made_of_changes() -> None:
    now = [0.0]
    kept = KeptClients(lambda: now[0])
    with kept.used():
        first = s3_client(FILES)
        assert s3_client(FILES.model_copy()) is first
        assert s3_client(FILES, attempts=1) is not first
        rotated = FILES.model_copy(update={"secret_access_key": "c"})
        assert s3_client(rotated) is not first
        assert s3_client(rotated) is s3_client(rotated)
    with kept.used():
        assert s3_client(FILES) is first
        now[0] += KEPT_SECONDS
        assert s3_client(FILES) is not first
        assert len(kept._made) == 1


def test_nobody_else_shares_them_and_threads_that_use_them_do() -> None:
    kept = KeptClients()

    def made(_: int) -> object:
        with kept.used():
            return s3_client(FILES)

    with ThreadPoolExecutor(max_workers=4) as pool:
        (shared,) = set(pool.map(made, range(8)))
    assert s3_client(FILES) is not shared
    assert s3_client(FILES) is not s3_client(FILES)
