"""Objects remember: whatever is done to a payment intent or a charge, under whichever keys, its
money counts once.

Each test tells the life of one object and reads the books after every step: what is settled and
what stands, of the key and of its issuer. At the end of a life the stand-in for Stripe says what
its payers were really charged.
"""

from __future__ import annotations

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Gateway
from tests.lives import (
    CARD,
    HELD,
    INTENTS,
    MULTICAPTURE,
    PAY,
    Issuer,
    act,
    create,
    refused,
    stands,
    without_us,
)

DECLINED = {"payment_method": "pm_card_visa_chargeDeclined", "confirm": "true"}


# -- one key ---------------------------------------------------------------------------------------


def test_an_intent_counts_once_from_creation_to_capture(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    path = create(gateway, key, 1000, capture_method="manual")
    assert stands(gateway, key) == ("0.00", "10.00")
    act(gateway, key, path, amount=3000)
    assert stands(gateway, key) == ("0.00", "30.00")
    act(gateway, key, path, amount=2000)
    assert stands(gateway, key) == ("0.00", "20.00")
    act(gateway, key, path, description="no figure in it")
    assert stands(gateway, key) == ("0.00", "20.00")
    act(gateway, key, f"{path}/confirm", payment_method="pm_card_visa")
    assert stands(gateway, key) == ("0.00", "20.00")
    act(gateway, key, f"{path}/capture", amount_to_capture=1500)
    assert stands(gateway, key) == ("15.00", "0.00")
    assert gateway.record(key)["spent_usd"] == "15.00"
    assert vendor.charged() == 1500


def test_an_update_may_confirm(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="20")
    path = create(gateway, key, 1000)
    assert refused(gateway, key, path, amount=2001).error == "daily_cap_exceeded"
    assert stands(gateway, key) == ("0.00", "10.00")
    act(gateway, key, path, amount=2000)
    act(gateway, key, f"{path}/confirm", payment_method="pm_card_visa")
    assert stands(gateway, key) == ("20.00", "0.00")
    assert vendor.charged() == 2000


@pytest.mark.parametrize(
    "life",
    [{}, {"payment_method": "pm_card_visa"}, HELD, {**PAY, "payment_method": "pm_usBankAccount"}],
    ids=["created", "awaiting confirmation", "authorised", "processing"],
)
def test_a_cancel_frees_all(gateway: Gateway, vendor: Sandbox, life: dict[str, str]) -> None:
    key = gateway.make_key()
    path = create(gateway, key, 2000, **life)
    assert stands(gateway, key) == ("0.00", "20.00")
    answer = gateway.call(key, "POST", f"{path}/cancel")
    assert answer.json()["status"] == "canceled"
    assert answer.headers["keybrake-cost-usd"] == "0.00"
    assert answer.headers["keybrake-remaining-usd"] == "500.00"
    assert stands(gateway, key) == ("0.00", "0.00")
    assert vendor.charged() == 0


def test_captures_in_parts_settle_part_by_part(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="30")
    path = create(gateway, key, 3000, **HELD, **MULTICAPTURE)
    act(gateway, key, f"{path}/capture", amount_to_capture=1000, final_capture="false")
    assert stands(gateway, key) == ("10.00", "20.00")
    act(gateway, key, f"{path}/capture", amount_to_capture=500, final_capture="false")
    assert stands(gateway, key) == ("15.00", "15.00")
    act(gateway, key, f"{path}/capture", amount_to_capture=700)
    assert stands(gateway, key) == ("22.00", "0.00")
    assert vendor.charged() == 2200


def test_a_cancel_after_a_capture_keeps_what_moved(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    path = create(gateway, key, 3000, **HELD, **MULTICAPTURE)
    act(gateway, key, f"{path}/capture", amount_to_capture=1000, final_capture="false")
    act(gateway, key, f"{path}/cancel")
    assert stands(gateway, key) == ("10.00", "0.00")
    assert vendor.charged() == 1000


def test_an_overcapture_needs_room_for_what_is_above(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="22.99")
    path = create(gateway, key, 2000, **HELD, **{f"{CARD}[request_overcapture]": "if_available"})
    answer = refused(gateway, key, f"{path}/capture", amount_to_capture=2300)
    assert (answer.status, answer.error) == (429, "daily_cap_exceeded")
    assert answer.json()["remaining_usd"] == "2.99"
    assert (stands(gateway, key), vendor.charged()) == (("0.00", "20.00"), 0)
    gateway.admin("PATCH", f"/vault/keys/{key.id}", {"daily_usd_cap": "23"})
    act(gateway, key, f"{path}/capture", amount_to_capture=2300)
    assert (stands(gateway, key), vendor.charged()) == (("23.00", "0.00"), 2300)


def test_an_increment_adds_only_what_is_new(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="25")
    options = {f"{CARD}[request_incremental_authorization]": "if_available"}
    path = create(gateway, key, 1000, **HELD, **options)
    assert refused(gateway, key, f"{path}/increment_authorization", amount=2501).status == 429
    assert stands(gateway, key) == ("0.00", "10.00")
    act(gateway, key, f"{path}/increment_authorization", amount=2500)
    assert stands(gateway, key) == ("0.00", "25.00")
    act(gateway, key, f"{path}/capture")
    assert (stands(gateway, key), vendor.charged()) == (("25.00", "0.00"), 2500)


def test_an_increment_that_stripe_refuses_leaves_the_old_total(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    path = create(gateway, key, 1000, **HELD)
    answer = refused(gateway, key, f"{path}/increment_authorization", amount=2500)
    assert answer.status == 400
    assert stands(gateway, key) == ("0.00", "10.00")


def test_a_capture_that_stripe_refuses_leaves_the_intent_standing(gateway: Gateway) -> None:
    key = gateway.make_key()
    path = create(gateway, key, 2000, **HELD)
    assert refused(gateway, key, f"{path}/capture", amount_to_capture=2001).status == 400
    assert stands(gateway, key) == ("0.00", "20.00")


def test_a_finished_intent_cannot_cost_more(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="20")
    path = create(gateway, key, 2000, **PAY)
    for what in ("confirm", "capture", "cancel"):
        assert refused(gateway, key, f"{path}/{what}").status == 400
        assert stands(gateway, key) == ("20.00", "0.00")
    assert vendor.charged() == 2000


def test_a_declined_intent_stands_until_it_is_paid_or_canceled(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    paths = []
    for _ in range(2):
        form = {"amount": 2000, "currency": "usd", **DECLINED}
        answer = gateway.call(key, "POST", INTENTS, form=form)
        assert (answer.status, answer.error) == (402, "card_declined")
        paths.append(f"{INTENTS}/{answer.json()['error']['payment_intent']['id']}")
    assert stands(gateway, key) == ("0.00", "40.00")
    assert refused(gateway, key, f"{paths[0]}/confirm", payment_method="pm_x").status == 400
    assert stands(gateway, key) == ("0.00", "40.00")
    act(gateway, key, f"{paths[0]}/cancel")
    assert stands(gateway, key) == ("0.00", "20.00")
    act(gateway, key, f"{paths[1]}/confirm", payment_method="pm_card_visa")
    assert stands(gateway, key) == ("20.00", "0.00")
    assert vendor.charged() == 2000


def test_a_payer_who_must_act_keeps_it_standing(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    form = {**PAY, "payment_method": "pm_card_authenticationRequired"}
    path = create(gateway, key, 2000, **form)
    assert stands(gateway, key) == ("0.00", "20.00")
    vendor.control("POST", "payer", {"payment_intent": path.rpartition("/")[2]})
    assert vendor.charged() == 2000
    assert refused(gateway, key, f"{path}/cancel").status == 400
    assert gateway.record(key)["spent_usd"] == "20.00"


def test_an_intent_from_elsewhere_counts_what_moves_from_here_on(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """Made and captured in part without us, so its first 10 USD are none of ours."""
    made = without_us(vendor, INTENTS, amount=3000, currency="usd", **HELD, **MULTICAPTURE)
    path = f"{INTENTS}/{made['id']}"
    without_us(vendor, f"{path}/capture", amount_to_capture=1000, final_capture="false")
    key = gateway.make_key(daily_usd_cap="20")
    act(gateway, key, f"{path}/capture", amount_to_capture=500, final_capture="false")
    assert stands(gateway, key) == ("5.00", "15.00")
    act(gateway, key, f"{path}/capture")
    assert stands(gateway, key) == ("20.00", "0.00")
    assert vendor.charged() == 3000


def test_an_intent_from_elsewhere_must_fit(gateway: Gateway, vendor: Sandbox) -> None:
    made = without_us(vendor, INTENTS, amount=2001, currency="usd")
    key = gateway.make_key(daily_usd_cap="20")
    path = f"{INTENTS}/{made['id']}"
    answer = refused(gateway, key, f"{path}/confirm", payment_method="pm_card_visa")
    assert (answer.error, vendor.charged()) == ("daily_cap_exceeded", 0)


def test_an_object_nobody_knows_costs_nothing(gateway: Gateway) -> None:
    key = gateway.make_key()
    answer = refused(gateway, key, f"{INTENTS}/pi_3nowhere/confirm")
    assert (answer.status, answer.error) == (404, "resource_missing")
    assert stands(gateway, key) == ("0.00", "0.00")


# -- several keys ----------------------------------------------------------------------------------


def test_another_budget_takes_an_intent_over(gateway: Gateway, vendor: Sandbox) -> None:
    maker, poor, payer = (
        gateway.make_key(agent_run_label=name, daily_usd_cap=cap)
        for name, cap in (("maker", "20"), ("poor", "19.99"), ("payer", "20"))
    )
    path = create(gateway, maker, 2000)
    answer = refused(gateway, poor, f"{path}/confirm", payment_method="pm_card_visa")
    assert answer.error == "daily_cap_exceeded"
    assert (stands(gateway, maker), stands(gateway, poor)) == (("0.00", "20.00"), ("0.00", "0.00"))
    act(gateway, payer, f"{path}/confirm", payment_method="pm_card_visa")
    assert stands(gateway, maker) == ("0.00", "0.00")
    assert stands(gateway, payer) == ("20.00", "0.00")
    assert vendor.charged() == 2000


def test_an_intent_goes_back_and_forth_between_two_budgets(
    gateway: Gateway, vendor: Sandbox
) -> None:
    one, two = gateway.make_key(), gateway.make_key()
    path = create(gateway, one, 1000, capture_method="manual", **MULTICAPTURE)
    act(gateway, two, path, amount=3000)
    assert (stands(gateway, one), stands(gateway, two)) == (("0.00", "0.00"), ("0.00", "30.00"))
    act(gateway, one, f"{path}/confirm", payment_method="pm_card_visa")
    assert (stands(gateway, one), stands(gateway, two)) == (("0.00", "30.00"), ("0.00", "0.00"))
    act(gateway, two, f"{path}/capture", amount_to_capture=1000, final_capture="false")
    assert (stands(gateway, one), stands(gateway, two)) == (("0.00", "0.00"), ("10.00", "20.00"))
    act(gateway, one, f"{path}/cancel")
    assert (stands(gateway, one), stands(gateway, two)) == (("0.00", "0.00"), ("10.00", "0.00"))
    assert vendor.charged() == 1000


def test_another_key_may_cancel(gateway: Gateway) -> None:
    maker, other = gateway.make_key(), gateway.make_key(daily_usd_cap="0")
    path = create(gateway, maker, 2000, **HELD)
    act(gateway, other, f"{path}/cancel")
    assert (stands(gateway, maker), stands(gateway, other)) == (("0.00", "0.00"), ("0.00", "0.00"))


def test_a_cancel_leaves_what_moved_with_the_key_that_moved_it(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """A key that may spend nothing may cancel, and does not get the bill for what was captured."""
    issuer = Issuer(gateway)
    one, two, three = (issuer.key(f"{name}/1") for name in ("one", "two", "three"))
    nothing = gateway.make_key(daily_usd_cap="0")
    for canceller in (one, three, nothing):
        path = create(gateway, one, 3000, **HELD, **MULTICAPTURE)
        act(gateway, two, f"{path}/capture", amount_to_capture=1000, final_capture="false")
        assert issuer.stands == stands(gateway, two)
        act(gateway, canceller, f"{path}/cancel")
        assert issuer.stands == stands(gateway, two)
        for key in (one, three, nothing):
            assert stands(gateway, key) == ("0.00", "0.00")
    assert issuer.stands == ("30.00", "0.00")
    assert vendor.charged() == 3000


def test_a_shared_issuer_counts_an_intent_once_at_every_step(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """The issuer's cap is what the intent comes to: counted twice, it would refuse."""
    issuer = Issuer(gateway, daily_usd_cap="40")
    one, two = issuer.key("one/1"), issuer.key("two/1")
    options = {
        f"{CARD}[request_incremental_authorization]": "if_available",
        f"{CARD}[request_multicapture]": "if_available",
    }
    path = create(gateway, one, 2000, capture_method="manual", **options)
    assert (issuer.stands, stands(gateway, one)) == (("0.00", "20.00"), ("0.00", "20.00"))
    act(gateway, two, path, amount=3000)
    assert (issuer.stands, stands(gateway, two)) == (("0.00", "30.00"), ("0.00", "30.00"))
    assert stands(gateway, one) == ("0.00", "0.00")
    act(gateway, one, f"{path}/confirm", payment_method="pm_card_visa")
    assert (issuer.stands, stands(gateway, one)) == (("0.00", "30.00"), ("0.00", "30.00"))
    assert stands(gateway, two) == ("0.00", "0.00")
    act(gateway, two, f"{path}/increment_authorization", amount=4000)
    assert (issuer.stands, stands(gateway, two)) == (("0.00", "40.00"), ("0.00", "40.00"))
    assert stands(gateway, one) == ("0.00", "0.00")
    act(gateway, one, f"{path}/capture", amount_to_capture=1500, final_capture="false")
    assert (issuer.stands, stands(gateway, one)) == (("15.00", "25.00"), ("15.00", "25.00"))
    act(gateway, two, f"{path}/capture", amount_to_capture=2500)
    assert (issuer.stands, stands(gateway, two)) == (("40.00", "0.00"), ("40.00", "0.00"))
    assert stands(gateway, one) == ("0.00", "0.00")
    assert vendor.charged() == 4000


def test_a_shared_issuer_is_asked_for_what_is_new(gateway: Gateway, vendor: Sandbox) -> None:
    issuer = Issuer(gateway, daily_usd_cap="25")
    one, two = issuer.key("one/1"), issuer.key("two/1")
    path = create(gateway, one, 2000)
    answer = refused(gateway, two, path, amount=2501)
    assert (answer.error, answer.json()["blocked_by"]) == ("issuer_cap_exceeded", "issuer_daily")
    assert (answer.json()["cap_usd"], answer.json()["remaining_usd"]) == ("25.00", "5.00")
    assert (issuer.stands, stands(gateway, two)) == (("0.00", "20.00"), ("0.00", "0.00"))
    assert stands(gateway, one) == ("0.00", "20.00")
    assert refused(gateway, one, INTENTS, amount=501, currency="usd", **PAY).status == 429
    act(gateway, two, f"{path}/cancel")
    assert (issuer.stands, stands(gateway, one)) == (("0.00", "0.00"), ("0.00", "0.00"))


def test_a_refused_take_over_changes_nobodys_books(gateway: Gateway, vendor: Sandbox) -> None:
    issuer = Issuer(gateway)
    one, two = issuer.key("one/1"), issuer.key("two/1", daily_usd_cap="19.99")
    path = create(gateway, one, 2000, **HELD)
    assert refused(gateway, two, f"{path}/capture").json()["blocked_by"] == "key_daily"
    three = issuer.key("three/1")
    assert refused(gateway, three, f"{path}/capture", amount_to_capture=3000).status == 400
    for key in (two, three):
        assert stands(gateway, key) == ("0.00", "0.00")
    assert (issuer.stands, stands(gateway, one)) == (("0.00", "20.00"), ("0.00", "20.00"))
    assert vendor.charged() == 0


def test_keys_of_two_issuers_pass_an_intent_on(gateway: Gateway, vendor: Sandbox) -> None:
    """Whatever shards the two live in."""
    makers, payers = Issuer(gateway), Issuer(gateway)
    maker, payer = makers.key("maker/1"), payers.key("payer/1")
    path = create(gateway, maker, 2000, **HELD)
    act(gateway, payer, f"{path}/capture", amount_to_capture=1200)
    assert (makers.stands, stands(gateway, maker)) == (("0.00", "0.00"), ("0.00", "0.00"))
    assert (payers.stands, stands(gateway, payer)) == (("12.00", "0.00"), ("12.00", "0.00"))
    assert vendor.charged() == 1200


def test_an_issuer_lets_go_of_what_another_takes_over(gateway: Gateway, vendor: Sandbox) -> None:
    """After its own keys had passed it on between them."""
    first, second = Issuer(gateway), Issuer(gateway)
    one, two, other = first.key("one/1"), first.key("two/1"), second.key("other/1")
    path = create(gateway, one, 2000)
    act(gateway, two, path, amount=3000)
    act(gateway, other, f"{path}/confirm", payment_method="pm_card_visa")
    for key in (one, two):
        assert stands(gateway, key) == ("0.00", "0.00")
    assert (first.stands, second.stands) == (("0.00", "0.00"), ("30.00", "0.00"))
    assert (stands(gateway, other), vendor.charged()) == (("30.00", "0.00"), 3000)


def test_keys_with_one_label_share_a_budget(gateway: Gateway, vendor: Sandbox) -> None:
    issuer = Issuer(gateway)
    one, two = issuer.key("run/1", daily_usd_cap="20"), issuer.key("run/1", daily_usd_cap="20")
    path = create(gateway, one, 2000)
    act(gateway, two, f"{path}/confirm", payment_method="pm_card_visa")
    assert stands(gateway, one) == stands(gateway, two) == issuer.stands == ("20.00", "0.00")
    assert vendor.charged() == 2000


def test_a_take_over_outlives_a_kill(gateway: Gateway, vendor: Sandbox) -> None:
    issuer = Issuer(gateway)
    one, two = issuer.key("one/1"), issuer.key("two/1")
    path = create(gateway, one, 2000, **HELD)
    act(gateway, two, f"{path}/capture", amount_to_capture=1500)
    told = gateway.admin("PATCH", f"/vault/keys/{two.id}", {"name": "on disk, and all before it"})
    assert told.status == 200
    gateway.kill()
    gateway.restart()
    assert (issuer.stands, stands(gateway, two)) == (("15.00", "0.00"), ("15.00", "0.00"))
    assert stands(gateway, one) == ("0.00", "0.00")


# -- what a revoked key leaves open ----------------------------------------------------------------


def test_a_revoke_can_cancel_what_is_open(gateway: Gateway, vendor: Sandbox) -> None:
    issuer = Issuer(gateway)
    key = issuer.key("run/1")
    open_paths = [create(gateway, key, 2000), create(gateway, key, 1000, **HELD)]
    paid = create(gateway, key, 500, **PAY)
    assert issuer.stands == ("5.00", "30.00")
    wish = {"cancel_open_intents": True}
    told = gateway.admin("POST", f"/vault/keys/{key.id}/revoke", wish).json()
    assert sorted(line["status"] for line in told["canceled"]) == ["canceled", "canceled"]
    named = {f"{INTENTS}/{line['object_id']}" for line in told["canceled"]}
    assert named == set(open_paths)
    assert issuer.stands == stands(gateway, key) == ("5.00", "0.00")
    posts = vendor.stats()["posts"]
    assert all(posts[f"{path}/cancel"] == 1 for path in open_paths)
    assert f"{paid}/cancel" not in posts
    unasked = [call for call in gateway.ask("/vault/calls")["data"] if "cancel" in call["path"]]
    assert {call["reason"] for call in unasked} == {"the key was revoked"}
    gateway.kill()
    gateway.restart()
    assert issuer.stands == ("5.00", "0.00")


def test_a_cancel_that_stripe_refuses_keeps_it_standing(gateway: Gateway, vendor: Sandbox) -> None:
    """The payer paid meanwhile; nobody told us, so it goes on counting."""
    key = gateway.make_key()
    path = create(gateway, key, 2000)
    vendor.control("POST", "payer", {"payment_intent": path.rpartition("/")[2]})
    wish = {"cancel_open_intents": True}
    told = gateway.admin("POST", f"/vault/keys/{key.id}/revoke", wish).json()
    assert [line["status"] for line in told["canceled"]] != ["canceled"]
    assert (gateway.record(key)["spent_usd"], vendor.charged()) == ("20.00", 2000)


def test_a_plain_revoke_leaves_the_vendor_alone(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    create(gateway, key, 2000)
    told = gateway.admin("POST", f"/vault/keys/{key.id}/revoke", {}).json()
    assert "canceled" not in told
    assert (stands(gateway, key), vendor.stats()["requests"]) == (("0.00", "20.00"), 1)
