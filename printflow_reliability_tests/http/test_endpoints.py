"""What the endpoints answer: to whoever may go on 200 or 201, and to all others what holds them."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn

import jsonschema
import pytest
from starlette.routing import Route

from printflow_reliability.errors import ConfigError, CouldNotTell, LockHeld, PrintflowError, Refused
from printflow_reliability.orders.acceptance.accept import Acceptance
from printflow_reliability.orders.judgement import OrderAnswer, Override, UnknownOrder
from printflow_reliability.orders.problems import Kind, Problem
from printflow_reliability_tests.http.conftest import READER, SHOP, Site

NOW = datetime(2026, 11, 2, 14, 5, tzinfo=UTC)
PROBLEM = Problem(Kind.UNLINKED, None, "print-ready file was never linked")
READY = OrderAnswer("7", "t", NOW)
ACCEPTED = Acceptance("7", "3", "t/a.pdf", "good", True, True, "", "0" * 64, "v1", NOW)
FILE = {"order": "7", "version": 3, "key": "t/a.pdf"}


def conforms(site: Site, method: str, path: str, answer: Any) -> None:
    """The answer is one that the OpenAPI document knows."""
    document = site.get("/openapi.json").json()
    known = document["paths"][path][method]["responses"][str(answer.status_code)]
    schema = known["content"]["application/json"]["schema"]
    assert answer.headers["content-type"] == "application/json"
    whole = {**schema, "components": document["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(answer.json())


def raising(error: Exception) -> Callable[[], NoReturn]:
    def answer() -> NoReturn:
        raise error

    return answer


def test_it_is_alive_whoever_asks(site: Site) -> None:
    answer = site.get("/livez", token=None)

    assert (answer.status_code, answer.json()) == (200, {"alive": True})
    conforms(site, "get", "/livez", answer)


@pytest.mark.parametrize(
    ("found", "status", "waiting"),
    [
        (READY, 200, False),
        (replace(READY, problems=(PROBLEM,)), 409, False),
        (replace(READY, problems=(PROBLEM,), waiting=True), 409, True),
        (replace(READY, problems=(PROBLEM,), override=Override("eve", "by phone", NOW)), 200, False),
        (replace(READY, problems=(PROBLEM,), waiting=True, override=Override("eve", "by phone", NOW)), 200, False),
    ],
)
def test_an_order_may_go_on_or_not_and_why(site: Site, found: OrderAnswer, status: int, waiting: bool) -> None:
    site.judgement.answer = lambda: found
    answer = site.get("/orders/7/artwork")

    assert answer.status_code == status
    assert answer.json()["ready"] == (status == 200)
    assert answer.json()["waiting"] == waiting
    assert answer.json()["reasons"] == [problem.text for problem in found.problems]
    conforms(site, "get", "/orders/{order}/artwork", answer)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (ACCEPTED, 201),
        (replace(ACCEPTED, new=False), 200),
        (Acceptance("7", "3", "t/a.pdf", "missing", False, reason="it is not in the bucket"), 409),
    ],
)
def test_a_file_is_accepted_or_not_and_why(site: Site, found: Acceptance, status: int) -> None:
    site.judgement.answer = lambda: found
    answer = site.post(FILE)

    assert answer.status_code == status
    assert {"order": "7", "version": "3", "key": "t/a.pdf"}.items() <= answer.json().items()
    assert site.judgement.asked == [("7", "3", "t/a.pdf", None)]
    conforms(site, "post", "/print-files", answer)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UnknownOrder("there is no paid order 7"), 404),
        (CouldNotTell("S3 does not answer", "ask again"), 503),
        (ConfigError("orders.paid: the database refused it"), 503),
        (LockHeld("another is running"), 503),
        (Refused("a clone that is production"), 503),
        (ValueError("wJalrXUtnFEMIbPxRfiCY"), 500),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), 500),
        (TimeoutError("of some library"), 500),
    ],
)
def test_whatever_fails_nobody_may_go_on_and_nothing_is_shown(
    site: Site, error: Exception, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    site.judgement.answer = raising(error)
    with caplog.at_level(logging.INFO, "printflow_reliability"):
        answers = [site.get("/orders/7/artwork"), site.post(FILE)]

    for answer, endpoint in zip(answers, (("get", "/orders/{order}/artwork"), ("post", "/print-files")), strict=True):
        assert answer.status_code == status
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert answer.json()["request_id"] in caplog.text
        conforms(site, *endpoint, answer)
        if isinstance(error, PrintflowError):
            assert answer.json()["error"] == {"what": error.what, "next": error.next_step}
        else:
            assert "Traceback" not in answer.text + caplog.text
            assert "wJalr" not in answer.text + caplog.text
    assert [type(defect) for defect in site.defects] == ([type(error)] * 2 if status == 500 else [])
    assert ("retry-after" in answers[0].headers) == (status == 503)


def test_a_secret_in_what_went_wrong_is_neither_answered_nor_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.judgement.answer = raising(CouldNotTell(f"the server said {READER}", f"ask {READER}"))
    with caplog.at_level(logging.DEBUG, "printflow_reliability"):
        answer = site.get(f"/orders/7/artwork?tenant={READER}")

    assert answer.json()["error"] == {"what": "the server said [secret]", "next": "ask [secret]"}
    for secret in (READER, SHOP):
        assert secret not in answer.text + str(answer.headers) + caplog.text


def test_the_document_has_every_route_and_no_other(site: Site) -> None:
    document = site.get("/openapi.json").json()
    routes = {
        (route.path.replace(":order", ""), method.lower())
        for route in site.app.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }

    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == routes
    jsonschema.Draft202012Validator.check_schema({"$defs": document["components"]["schemas"]})
    references = json.dumps(document).count('"$ref"')
    known = [f"#/components/schemas/{name}" for name in document["components"]["schemas"]]
    assert references == sum(json.dumps(document).count(f'"{name}"') for name in known)
    for path, method in routes - {("/livez", "get"), ("/openapi.json", "get")}:
        assert document["paths"][path][method]["security"] != [], "whoever forgets the scope opens it to everybody"


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("10482", "10482"),
        ("2026%2F0012", "2026/0012"),
        ("2026/0012", "2026/0012"),
        ("a%20b%3Fc%23d", "a b?c#d"),
        ("%C3%A9", "é"),
        ("%252F", "%2F"),
        ("a%0Ab%0D%0Ac", "a\nb\r\nc"),
        ("a%E2%80%A8b%C2%85c", "a\u2028b\x85c"),
        ("x" * 5_000, "x" * 5_000),
    ],
)
def test_whatever_an_orders_number_is_made_of_it_is_asked_for_as_it_is(site: Site, written: str, asked: str) -> None:
    answer = site.get(f"/orders/{written}/artwork?tenant=t")

    assert answer.status_code == 200
    assert site.judgement.asked == [(asked, "t")]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/orders/a%00b/artwork", 400),
        ("/orders/%FF/artwork", 400),
        ("/orders/%ED%A0%80/artwork", 400),
        ("/orders//artwork", 400),
        ("/orders/%20/artwork", 400),
        ("/orders/7/artwork?tenant=a&tenant=b", 400),
        ("/orders/7/artwork?tenant=", 400),
        ("/orders/7/artwork?tenant=%00", 400),
        ("/orders/7/artwork?tenant=%FF", 400),
        ("/orders/7/artwork?tenant=a%ED%A0%80", 400),
        ("/orders/7/artwork?tenent=a", 400),
        ("/orders/7/artwork/", 404),
        ("/orders/7", 404),
        ("/orders", 404),
        ("/nowhere", 404),
        ("/livez/", 404),
        ("/", 404),
        ("/readyz/", 404),
    ],
)
def test_a_path_that_cannot_be_read_or_is_not_there_asks_nobody(site: Site, path: str, status: int) -> None:
    answer = site.get(path)

    assert answer.status_code == status
    assert set(answer.json()) == {"error", "request_id"}
    assert site.judgement.asked == []


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/orders/7/artwork"), ("GET", "/print-files"), ("PUT", "/livez")]
)
def test_a_wrong_method_is_said(site: Site, method: str, path: str) -> None:
    answer = site.request(method, path, headers={"Authorization": f"Bearer {SHOP}"})

    assert answer.status_code == 405
    assert set(answer.json()) == {"error", "request_id"}
    assert answer.headers["allow"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("", 400, "no JSON"),
        ("{", 400, "no JSON"),
        ("[" * 16_000, 400, "no JSON"),
        (b"\xff\xfe", 400, "no JSON"),
        ('{"order": "\\ud800", "version": 1, "key": "k"}', 400, "no JSON"),
        ("[]", 422, "body"),
        ("null", 422, "body"),
        ({}, 422, "order: Field required"),
        ({**FILE, "order": None}, 422, "order"),
        ({**FILE, "order": True}, 422, "order"),
        ({**FILE, "order": 1.5}, 422, "order"),
        ({**FILE, "order": ["7"]}, 422, "order"),
        ({**FILE, "order": ""}, 422, "order"),
        ({**FILE, "order": " "}, 422, "order"),
        ({**FILE, "order": "a\0"}, 422, "order"),
        ('{"order": 1e400, "version": 1, "key": "k"}', 422, "order"),
        ('{"order": ' + "9" * 5_000 + ', "version": 1, "key": "k"}', 400, "no JSON"),
        ('{"order": ' + "9" * 20 + ', "version": 1, "key": "k"}', 422, "order"),
        ({**FILE, "version": "v" * 201}, 422, "version"),
        ({**FILE, "version": -1}, 422, "version"),
        ({**FILE, "key": 5}, 422, "key"),
        ({**FILE, "key": "a\0b"}, 422, "key"),
        ({**FILE, "tenant": ""}, 422, "tenant"),
        ('{"order": "7", "version": 3, "key": "t/a.pdf", "order": "8"}', 422, "order: is given twice"),
        ('{"order": "7", "version": 3, "key": "a", "k\\u0065y": "b"}', 422, "key: is given twice"),
        ({**FILE, "secret": "hunter2"}, 422, "secret: Extra inputs"),
        ({**FILE, "key": "k" * 17_000}, 413, "16,384 bytes"),
    ],
)
def test_a_body_that_is_not_what_is_asked_for_is_refused(site: Site, body: object, status: int, said: str) -> None:
    answer = site.post(body)

    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]["what"]
    assert "hunter2" not in answer.text
    assert len(answer.content) < 2_000
    assert site.judgement.asked == []
    conforms(site, "post", "/print-files", answer)


def test_whose_order_it_is_may_be_said_with_the_file(site: Site) -> None:
    site.judgement.answer = lambda: ACCEPTED
    assert site.post({**FILE, "order": 7, "tenant": "t"}).status_code == 201
    assert site.judgement.asked == [("7", "3", "t/a.pdf", "t")]


def test_a_request_whose_end_is_told_twice_is_refused_and_its_connection_ends(site: Site) -> None:
    headers = {"Content-Length": "5", "Transfer-Encoding": "chunked"}
    answer = site.request("GET", "/livez", headers=headers)

    assert (answer.status_code, answer.headers["connection"]) == (400, "close")


@pytest.mark.parametrize(("given", "kept"), [("abc-1.2_3", True), ("x" * 65, False), ("a b", False), ("a\tb", False)])
def test_a_callers_own_request_id_is_kept_if_it_is_plain(site: Site, given: str, kept: bool) -> None:
    answer = site.request("GET", "/livez", headers={"X-Request-ID": given})
    assert (answer.headers["x-request-id"] == given) == kept
