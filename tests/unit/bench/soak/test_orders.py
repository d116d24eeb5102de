"""Orders are requests whose token the vendor and the log both get to see."""

from __future__ import annotations

import random

from bench.soak import orders
from bench.soak.orders import Key

KEY = Key("vk_1", "vault_key_x", "stripe")


def test_a_charge_says_its_token_to_both_sides() -> None:
    order = orders.charge(KEY, random.Random(1))
    data = order.bytes()
    assert f"Keybrake-Step: {order.token}\r\n".encode() in data
    assert f"metadata%5Bsoak%5D={order.token}".encode() in data
    assert data.startswith(b"POST /stripe/v1/")


def test_a_retry_is_the_same_bytes_and_another_request_is_not() -> None:
    order = orders.charge(KEY, random.Random(1))
    assert order.again().bytes() == order.bytes()
    other = order.otherwise()
    assert (other.retry, other.token) == (order.retry, order.token)
    assert other.body != order.body


def test_what_comes_of_an_intent_has_its_token() -> None:
    of = orders.authorised(KEY, random.Random(1))
    for later in (orders.captured(of, "pi_1", 7), orders.canceled(of, "pi_1")):
        assert later.token == of.token
        assert later.path.startswith("/v1/payment_intents/pi_1/")


def test_tokens_are_never_used_twice() -> None:
    dice = random.Random(1)
    made = [orders.mail(KEY, dice), orders.message(KEY, dice), orders.read(KEY, "/v1/x")]
    assert len({order.token for order in made}) == 3
