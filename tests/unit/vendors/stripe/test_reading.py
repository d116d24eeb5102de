"""One reading of a request; test_vectors has the many small cases of priced ones."""

from __future__ import annotations

import pytest

from vendors.contract import MediaTypeRefused, Reading, Sent, Unreadable
from vendors.form import FORM_TYPE, PAIRS_MAX
from vendors.stripe.catalogue import CATALOGUE
from vendors.stripe.reading import JSON_TYPE, Media, media, needs_body, read

INTENTS = "/v1/payment_intents"
PLAIN = b"amount=5&currency=usd"


def reading(
    method: str,
    path: str,
    body: bytes = b"",
    kind: str = "",
    query: str = "",
    headers: dict[bytes, bytes] | None = None,
) -> Reading:
    return read(CATALOGUE.find(method, path), Sent(method, path, query, kind, body, headers or {}))


@pytest.mark.parametrize(
    ("method", "path", "kind", "needed"),
    [
        ("GET", "/v1/charges", JSON_TYPE, False),
        ("DELETE", "/v1/subscriptions/sub_1", "", False),
        ("POST", INTENTS, "", True),
        ("POST", "/v1/transfers", FORM_TYPE, True),
        ("POST", "/v1/ephemeral_keys", FORM_TYPE, True),
        ("PUT", "/v1/charges", FORM_TYPE, True),
        ("POST", "/v1/setup_intents", FORM_TYPE, False),
        ("POST", "/v1/setup_intents", JSON_TYPE + "; charset=utf-8", True),
        ("POST", "/v1/files", "multipart/form-data; boundary=x", False),
        ("POST", "/v1/customers", FORM_TYPE, True),
        ("POST", "/v2/core/accounts", JSON_TYPE, False),
        ("POST", "/v2/money_management/outbound_payments", JSON_TYPE, True),
    ],
)
def test_needs_body(method: str, path: str, kind: str, needed: bool) -> None:
    assert needs_body(CATALOGUE.find(method, path), kind) is needed


def test_media() -> None:
    assert media("") is Media.ABSENT
    assert media("Application/JSON ; charset=UTF8") is Media.JSON
    assert media("application/json;") is Media.OTHER


def test_a_form_goes_out_as_the_bytes_that_came() -> None:
    body = b"amount=5&currency=usd&metadata%5Bk%5D=a+b&expand[]=x"
    made = reading("POST", INTENTS, body, FORM_TYPE + "; charset=utf-8", "expand[]=y")
    assert (made.body, made.query, made.content_type) == (body, "expand[]=y", FORM_TYPE)
    assert made.fields["expand[0]"] == "y"


def test_no_body_has_no_type() -> None:
    made = reading("POST", INTENTS, b"", JSON_TYPE, "amount=5&currency=usd")
    assert (made.body, made.content_type, made.fields["amount"]) == (b"", "", "5")


def test_a_compressed_body_cannot_be_priced() -> None:
    for path in (INTENTS, "/v2/money_management/outbound_payments"):
        with pytest.raises(MediaTypeRefused):
            reading("POST", path, PLAIN, FORM_TYPE, headers={b"content-encoding": b"gzip"})
    plain = {b"content-encoding": b"identity"}
    assert reading("POST", INTENTS, PLAIN, FORM_TYPE, headers=plain).fields["amount"] == "5"


def test_a_free_form_passes_untouched_whatever_it_says() -> None:
    body = b"a=1&a=2;c&%zz"
    made = reading("POST", "/v1/setup_intents", body, FORM_TYPE, "x=1&x=2")
    assert (made.body, made.content_type, made.query) == (body, FORM_TYPE, "x=1&x=2")
    assert (made.fields["a"], made.fields["x"]) == ("2;c", "2")


def test_a_free_stream_is_read_without_its_body() -> None:
    kind = "multipart/form-data; boundary=x"
    made = reading("POST", "/v1/files", b"", kind)
    assert (made.content_type, made.body, made.fields) == (kind, b"", {})


def test_a_free_multipart_body_is_not_looked_into() -> None:
    kind = "multipart/form-data; boundary=x"
    assert reading("POST", "/v1/files", b"--x--", kind).fields == {}


@pytest.mark.parametrize(
    ("query", "kind", "body"),
    [
        ("customer=cus_1", FORM_TYPE, b"customer=cus_2"),
        ("", FORM_TYPE, b"customer=cus_1&customer[]=cus_2"),
        ("customer=cus_1", "", b"customer=cus_2"),
        ("customer=cus_1", "text/plain", b"customer=cus_2"),
        ("customer=cus_1", "multipart/form-data; boundary=x", b"--x--"),
    ],
)
def test_a_free_one_under_rules_is_read_as_closely_as_a_priced_one(
    query: str, kind: str, body: bytes
) -> None:
    operation = CATALOGUE.find("POST", "/v1/setup_intents")
    sent = Sent("POST", "/v1/setup_intents", query, kind, body, strict=True)
    with pytest.raises((Unreadable, MediaTypeRefused)):
        read(operation, sent)


def test_a_read_under_rules_tells_its_fields() -> None:
    sent = Sent("GET", "/v1/charges", "customer=cus_1&expand[]=data", "", b"", strict=True)
    made = read(CATALOGUE.find("GET", "/v1/charges"), sent)
    assert made.fields == {"customer": "cus_1", "expand[0]": "data"}


def test_free_json_becomes_form_too() -> None:
    made = reading("POST", "/v1/setup_intents", b'{"usage": "off session"}', JSON_TYPE)
    assert (made.body, made.content_type) == (b"usage=off+session", FORM_TYPE)
    assert made.fields == {"usage": "off session"}
    assert reading("POST", "/v1/setup_intents", b"", JSON_TYPE).body == b""
    with pytest.raises(MediaTypeRefused):
        reading(
            "POST", "/v1/setup_intents", b"{}", JSON_TYPE, headers={b"content-encoding": b"gzip"}
        )


def test_free_v2_json_passes_as_it_came() -> None:
    made = reading("POST", "/v2/core/accounts", b'{"a": 1.5}', JSON_TYPE)
    assert (made.body, made.content_type) == (b'{"a": 1.5}', JSON_TYPE)


def test_reads_keep_their_query() -> None:
    made = reading("GET", "/v1/charges", query="limit=3&created[gte]=5&odd%zz")
    assert (made.query, made.fields["created[gte]"]) == ("limit=3&created[gte]=5&odd%zz", "5")


@pytest.mark.parametrize(
    "query", ["_method=POST", "%5Fmethod=POST", "[_METHOD]=x", "a=1&+_method="]
)
def test_methods_cannot_be_overridden(query: str) -> None:
    with pytest.raises(Unreadable) as caught:
        reading("GET", "/v1/charges", query=query)
    assert caught.value.field_name == "_method"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/customers", b"plan=gold", "plan"),
        ("/v1/customers", b"balance=500", "balance"),
        ("/v1/customers/cus_1", b"source=tok_visa", "source"),
        ("/v1/accounts/acct_1", b"external_account=btok_1", "external_account"),
        ("/v1/customers/cus_1", b"source[number]=4242", "source[number]"),
    ],
)
def test_what_moves_money_in_a_free_operation_is_refused(
    path: str, body: bytes, field: str
) -> None:
    with pytest.raises(Unreadable) as caught:
        reading("POST", path, body, FORM_TYPE)
    assert caught.value.field_name == field


def test_the_rest_of_a_guarded_operation_passes() -> None:
    made = reading("POST", "/v1/customers", b"email=a@b.example&metadata[Plan]=x", FORM_TYPE)
    assert made.fields == {"email": "a@b.example", "metadata[Plan]": "x"}


V2 = "/v2/money_management/outbound_payments"


def test_v2_takes_json_and_sends_the_bytes_that_came() -> None:
    body = b'{"amount": {"value": "1200", "currency": "usd"}, "rate": 1.5, "Free Name": null}'
    made = reading("POST", V2, body, JSON_TYPE, "include=x")
    assert (made.body, made.content_type, made.query) == (body, JSON_TYPE, "include=x")
    assert made.fields == {
        "include": "x",
        "amount[value]": "1200",
        "amount[currency]": "usd",
        "rate": "1.5",
        "Free Name": "",
    }
    assert reading("POST", V2).fields == {}


def test_v2_refuses_forms_and_names_that_come_twice() -> None:
    with pytest.raises(MediaTypeRefused):
        reading("POST", V2, PLAIN, FORM_TYPE)
    with pytest.raises(Unreadable):
        reading("POST", V2, b'{"a": 1}', JSON_TYPE, "a=1")
    with pytest.raises(Unreadable):
        reading("POST", V2, b'{"a[b]": 1, "a": {"b": 2}}', JSON_TYPE)


def test_a_long_name_is_not_repeated_for_each_member() -> None:
    members = b",".join(b'"a%d":1' % i for i in range(4_000))
    with pytest.raises(Unreadable, match="a name of more than"):
        reading("POST", INTENTS, b'{"%s":{%s}}' % (b"a" * 900_000, members), JSON_TYPE)


def test_too_many_parameters_in_json() -> None:
    body = b"{%s}" % b",".join(b'"a%d":1' % i for i in range(PAIRS_MAX + 1))
    with pytest.raises(Unreadable, match="more than"):
        reading("POST", INTENTS, body, JSON_TYPE)
