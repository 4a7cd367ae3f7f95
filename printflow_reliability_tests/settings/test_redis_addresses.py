"""An address of a Redis is read as its client reads it: nothing in it leads elsewhere, or changes what answers are."""

import pytest

from printflow_reliability.settings.redis import redis_url


@pytest.mark.parametrize(
    "url",
    [
        *("redis://h", "redis://h/", "redis://h:6379/15", "redis://[::1]:6379/3", "redis://u:p%40@h/0"),
        *("rediss://h/0?ssl_cert_reqs=required&ssl_ca_certs=/ca.pem", "redis://h?db=2"),
        *("unix:///run/redis.sock", "unix:///run/redis.sock?db=2&username=u&password=p"),
    ],
)
def test_an_address_is_taken_as_it_is(url: str) -> None:
    assert redis_url(url) == url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        # Its client would take database 0 for each.
        *((url, "no number") for url in ("redis://h/queues", "redis://h/O", "redis://h/-1", "redis://h/0/1")),
        *((url, "no number") for url in ("unix:///s?db=one", "redis://h?db=", "redis://h/0x1", "redis://h/٣")),
        *((f"redis://h/0?{option}", "option") for option in ("decode_responses=true", "protocol=3", "encoding=x")),
        *((f"redis://h/0?{option}", "option") for option in ("socket_timeout=100000", "retry_on_timeout=yes")),
        *((url, "not the address") for url in ("http://h", "redis://h:99999", "h:6379")),
    ],
)
def test_what_would_lead_elsewhere_or_change_answers_is_refused(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as refused:
        redis_url(url)
    assert url not in str(refused.value)
