"""Checkout Sessions and Payment Links: pages on which a payer pays, later and without the API.

Nobody is charged at creation. `pay` is what a payer does, through the tests' own door: it makes the
session's PaymentIntent or subscription then, and charges.
"""

from __future__ import annotations

from typing import Any, Final

from bench.sandbox.form import listed
from bench.sandbox.stripe import (
    customers,
    errors,
    intents,
    lists,
    methods,
    pages,
    params,
    subscriptions,
)  # fmt: skip
from bench.sandbox.stripe import subscription_terms as terms
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.intent_terms import INTENT
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

SHARED: Final = params.spec(
    "after_completion billing_address_collection consent_collection custom_fields custom_text "
    "customer_creation inactive_message invoice_creation managed_payments name_collection "
    "payment_method_collection payment_method_options payment_method_types "
    "phone_number_collection shipping_address_collection submit_type tax_id_collection",
    allow_promotion_codes=params.boolean,
    automatic_tax=params.mapping,
    currency=params.currency,
    line_items=params.maps,
    optional_items=params.maps,
    payment_intent_data=params.mapping,
    shipping_options=params.maps,
    subscription_data=params.mapping,
)
CREATE: Final = params.spec(
    "adaptive_pricing after_expiration allowed_payment_method_types branding_settings cancel_url "
    "client_reference_id customer_account customer_email customer_update "
    "excluded_payment_method_types integration_identifier locale origin_context "
    "payment_method_configuration payment_method_data permissions redirect_on_completion "
    "return_url saved_payment_method_options setup_intent_data success_url ui_mode wallet_options",
    **SHARED,
    customer=params.text,
    discounts=params.any_value,
    expires_at=params.integer,
    mode=params.one_of("payment", "setup", "subscription"),
)
UPDATE: Final = params.spec(
    "collected_information", line_items=params.maps, shipping_options=params.maps
)
LINK: Final = params.spec(
    "on_behalf_of transfer_data application_fee_percent",
    **SHARED,
    application_fee_amount=params.integer,
    restrictions=params.mapping,
)
UPDATE_LINK: Final = params.spec(
    "on_behalf_of transfer_data application_fee_percent",
    **SHARED,
    active=params.boolean,
    application_fee_amount=params.integer,
    restrictions=params.any_value,
)
DAY_S: Final = 86_400
SHOWN: Final = params.words(
    "allow_promotion_codes cancel_url client_reference_id customer_email locale optional_items "
    "payment_method_options return_url submit_type success_url ui_mode"
)


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    if "customer" in given:
        world.get("customer", given["customer"], param="customer")
    if given.get("mode") is None:
        raise errors.missing("mode")
    if given["mode"] != "setup" and not given.get("line_items"):
        raise errors.missing("line_items")
    expires = given.get("expires_at", now() + DAY_S)
    if not now() + 1_799 <= expires <= now() + DAY_S + 1:
        raise errors.invalid("timestamp: 30 minutes to 24 hours from now", "expires_at", expires)
    session = _fresh(world, given, expires)
    world.more[session["id"]] = {"asked": given}
    return world.put(_priced(world, session, given))


def _fresh(world: World, given: Obj, expires: int) -> Obj:
    session_id = new_id("checkout.session")
    return {
        "id": session_id, "object": "checkout.session", "adaptive_pricing": {"enabled": False},
        "amount_subtotal": None, "amount_total": None, "client_secret": None, "created": now(),
        "currency": None, "currency_conversion": None, "custom_fields": [],
        "automatic_tax": {
            "enabled": given.get("automatic_tax", {}).get("enabled") == "true",
            "liability": None,
            "status": None,
        },
        "customer": given.get("customer"), "customer_details": None, "discounts": [],
        "expires_at": expires, "invoice": None, "livemode": world.livemode,
        "metadata": params.merged({}, given.get("metadata", {})), "mode": given["mode"],
        "payment_intent": None, "payment_link": None, "payment_method_collection": "always",
        "payment_method_types": ["card"], "payment_status": "unpaid", "recovered_from": None,
        "setup_intent": None, "shipping_cost": None, "shipping_options": [], "status": "open",
        "subscription": None, "total_details": None,
        "url": f"https://checkout.stripe.com/c/pay/{session_id}",
        **{name: given[name] for name in SHOWN if name in given},
    }  # fmt: skip


def _priced(world: World, session: Obj, asked: Obj, choices: pages.Choices | None = None) -> Obj:
    """The session with what its lines come to."""
    if session["mode"] == "setup":
        return {**session, "currency": asked.get("currency")}
    sale = pages.sale(world, asked, choices)
    line_items = lists.fresh(f"/v1/checkout/sessions/{session['id']}/line_items", list(sale.items))
    world.more[session["id"]]["line_items"] = line_items
    return {
        **session,
        "amount_subtotal": sale.sums.subtotal,
        "amount_total": sale.sums.total,
        "currency": sale.currency,
        "total_details": {
            "amount_discount": sale.sums.discount,
            "amount_shipping": sale.shipping,
            "amount_tax": sale.sums.tax,
        },
    }


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    session = _open(world, ids[0])
    asked = world.more[session["id"]]["asked"] | given
    world.more[session["id"]]["asked"] = asked
    return world.put(_priced(world, {**session, **lists.described(session, given)}, asked))


def expire(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    session = {**_open(world, ids[0]), "status": "expired", "url": None}
    world.tell("checkout.session.expired", session)
    return world.put(session)


def _open(world: World, session_id: str) -> Obj:
    session = world.get("checkout.session", session_id)
    if session["status"] != "open":
        raise StripeError(
            400, f"Only open Checkout Sessions can do this; this one is {session['status']}."
        )
    return session


def line_items(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    world.get("checkout.session", ids[0])
    found = world.more[ids[0]].get("line_items", lists.fresh(""))
    return lists.page(found["data"], given, found["url"], "item")


# Payment links.


def create_link(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    link: Obj = {
        "id": new_id("payment_link"), "object": "payment_link", "active": True,
        "allow_promotion_codes": given.get("allow_promotion_codes", False), "application": None,
        "application_fee_amount": given.get("application_fee_amount"),
        "automatic_tax": {
            "enabled": given.get("automatic_tax", {}).get("enabled") == "true",
            "liability": None,
        },
        "created": now(), "inactive_message": given.get("inactive_message"),
        "livemode": world.livemode, "metadata": params.merged({}, given.get("metadata", {})),
        "payment_method_types": None, "restrictions": None, "shipping_options": [],
        "submit_type": "auto",
    }  # fmt: skip
    link["url"] = f"https://buy.stripe.com/{link['id']}"
    sale = pages.sale(world, given)
    link["currency"] = sale.currency
    listed_items = lists.fresh(f"/v1/payment_links/{link['id']}/line_items", list(sale.items))
    world.more[link["id"]] = {"asked": given, "line_items": listed_items}
    link = _restricted(link, given)
    world.tell("payment_link.created", link)
    return world.put(link)


def _restricted(link: Obj, given: Obj) -> Obj:
    """`restrictions[completed_sessions][limit]`, with the count so far."""
    if "restrictions" not in given:
        return link
    if not given["restrictions"]:
        return {**link, "restrictions": None}
    wanted = params.mapping("restrictions", given["restrictions"])
    limit = params.inner(wanted, "completed_sessions").get("limit", "")
    count = link["restrictions"]["completed_sessions"]["count"] if link["restrictions"] else 0
    sessions = {"count": count, "limit": params.positive("restrictions[limit]", limit)}
    return {**link, "restrictions": {"completed_sessions": sessions}}


def update_link(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """Lines are changed by id; what is sold by quantity and adjustable quantity only."""
    link = world.get("payment_link", ids[0])
    names = ("active", "allow_promotion_codes", "inactive_message")
    changed = {**link, **lists.described(link, given, names)}
    more = world.more[link["id"]]
    asked = {**more["asked"], **{k: v for k, v in given.items() if k != "line_items"}}
    present = more["line_items"]["data"]
    for raw in given.get("line_items", ()):
        at = next((n for n, item in enumerate(present) if item["id"] == raw.get("id")), None)
        if at is None:
            raise errors.no_such("line item", str(raw.get("id")), "line_items[id]", 400)
        old = list(asked["line_items"])
        old[at] = {**old[at], **{k: v for k, v in raw.items() if k != "id"}}
        asked["line_items"] = old
    sale = pages.sale(world, asked)
    data = [{**n, "id": o["id"]} for n, o in zip(sale.items, present, strict=True)]
    world.more[link["id"]] = {"asked": asked, "line_items": {**more["line_items"], "data": data}}
    changed = _restricted(changed, given)
    world.tell("payment_link.updated", changed)
    return world.put(changed)


def link_items(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    world.get("payment_link", ids[0])
    found = world.more[ids[0]]["line_items"]
    return lists.page(found["data"], given, found["url"], "item")


# What a payer does.


def pay(world: World, session_id: str, choices: pages.Choices, token: str) -> Obj:
    """A payer completes the page. Raises StripeError for a declined card: it stays open."""
    session = _open(world, session_id)
    asked = world.more[session_id]["asked"]
    session = _priced(world, session, asked, choices)
    customer = session["customer"]
    if session["mode"] == "payment":
        session = _take_payment(world, session, asked, token)
    elif session["mode"] == "subscription":
        session = _subscribe(world, session, asked, token)
    session = {**session, "customer": session["customer"] or customer, "status": "complete"}
    session["url"] = None
    world.tell("checkout.session.completed", session)
    return world.put(session)


def _take_payment(world: World, session: Obj, asked: Obj, token: str) -> Obj:
    if session["amount_total"] == 0:
        return {**session, "payment_status": "no_payment_required"}
    data = asked.get("payment_intent_data", {})
    intent_id = new_id("payment_intent")
    intent: Obj = {
        **INTENT,
        "id": intent_id,
        "amount": session["amount_total"],
        "application_fee_amount": None,
        "capture_method": data.get("capture_method", "automatic"),
        "client_secret": f"{intent_id}_secret",
        "created": now(),
        "currency": session["currency"],
        "customer": session["customer"],
        "description": data.get("description"),
        "livemode": world.livemode,
        "metadata": data.get("metadata", {}),
        "payment_method": methods.resolve(world, token),
    }
    if "application_fee_amount" in data:
        fee = params.integer("application_fee_amount", data["application_fee_amount"])
        intent["application_fee_amount"] = fee
    world.put(intent)
    world.tell("payment_intent.created", intent)
    outcome = methods.outcome(world, intent["payment_method"])
    if outcome.how == "action":  # the payer is there, and authenticates
        outcome = methods.SUCCEEDS
    intent = intents.pay(world, intent, outcome, intent["amount"])
    status = "paid" if intent["status"] == "succeeded" else "unpaid"
    return {**session, "payment_intent": intent["id"], "payment_status": status}


def _subscribe(world: World, session: Obj, asked: Obj, token: str) -> Obj:
    data = asked.get("subscription_data", {})
    owner = session["customer"] or customers.create(world, (), {})["id"]
    method = methods.attach(world, (methods.resolve(world, token),), {"customer": owner})
    bought = world.more[session["id"]]["line_items"]["data"]
    recurs = [i for i in bought if i["price"]["recurring"]]
    once = [i for i in bought if not i["price"]["recurring"]]
    raw: Obj = {"items": [_raw(i) for i in recurs], "add_invoice_items": [_raw(i) for i in once]}
    if data.get("trial_period_days"):
        raw["trial_period_days"] = data["trial_period_days"]
    read: dict[str, Any] = {
        **params.read(raw, terms.CREATE),
        "customer": owner,
        "default_payment_method": method["id"],
        "payment_behavior": "error_if_incomplete",
    }
    shared = ("automatic_tax", "discounts", "currency")
    read.update({name: asked[name] for name in shared if name in asked})
    made = subscriptions.create(world, (), read)
    return {
        **session,
        "customer": owner,
        "invoice": made["latest_invoice"],
        "payment_status": "paid",
        "subscription": made["id"],
    }


def _raw(item: Obj) -> Obj:
    return {"price": item["price"]["id"], "quantity": str(item["quantity"])}


def visit(world: World, link_id: str) -> Obj:
    """A payer opens a payment link: a session of its own. Refused once the link is used up."""
    link = world.get("payment_link", link_id)
    sessions = (link["restrictions"] or {}).get("completed_sessions")
    if not link["active"] or (sessions and sessions["count"] >= sessions["limit"]):
        raise StripeError(400, "This payment link is no longer active.")
    asked = dict(world.more[link_id]["asked"])
    items = pages.priced(world, listed(asked["line_items"]))
    recurs = any(item["price"]["recurring"] for item in items)
    asked["mode"] = "subscription" if recurs else "payment"
    session = _fresh(world, asked, now() + DAY_S) | {"payment_link": link_id}
    world.more[session["id"]] = {"asked": asked}
    return world.put(_priced(world, session, asked))


def visited(world: World, link_id: str) -> None:
    """One more completed session; the last one that is allowed closes the link."""
    link = world.get("payment_link", link_id)
    if not link["restrictions"]:
        return
    sessions = link["restrictions"]["completed_sessions"]
    sessions = {**sessions, "count": sessions["count"] + 1}
    active = link["active"] and sessions["count"] < sessions["limit"]
    world.put({**link, "active": active, "restrictions": {"completed_sessions": sessions}})
