"""What can be bought: products, prices and their legacy twins the plans.

A price's tiers and its amounts in other currencies are answered only when expanded, as at Stripe.
A plan is a price as well, under the plan's id.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from bench.sandbox.form import listed
from bench.sandbox.stripe import errors, lists, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

PRODUCT: Final = params.spec(
    "default_price_data images marketing_features package_dimensions shippable tax_details",
    active=params.boolean,
    description=params.clearable,
    id=params.text,
    name=params.text,
    statement_descriptor=params.text,
    tax_code=params.text,
    type=params.one_of("good", "service"),
    unit_label=params.clearable,
    url=params.text,
)
UPDATE_PRODUCT: Final = {**PRODUCT, "default_price": params.text}
AMOUNTS: Final[params.Spec] = {
    "unit_amount": params.integer,
    "unit_amount_decimal": params.decimal,
    "custom_unit_amount": params.mapping,
    "tiers": params.maps,
    "tiers_mode": params.one_of("graduated", "volume"),
    "billing_scheme": params.one_of("per_unit", "tiered"),
}
PRICE: Final = params.spec(
    "product_data transfer_lookup_key",
    **AMOUNTS,
    active=params.boolean,
    currency=params.currency,
    currency_options=params.mapping,
    lookup_key=params.text,
    nickname=params.clearable,
    product=params.text,
    recurring=params.mapping,
    tax_behavior=params.one_of("exclusive", "inclusive", "unspecified"),
    transform_quantity=params.mapping,
)
INLINE: Final[params.Spec] = {
    "currency": params.currency,
    "product": params.text,
    "product_data": params.mapping,
    "recurring": params.mapping,
    "tax_behavior": params.text,
    "unit_amount": params.integer,
    "unit_amount_decimal": params.decimal,
}
"""`price_data` of an item."""
UPDATE_PRICE: Final = params.spec(
    "transfer_lookup_key",
    active=params.boolean,
    currency_options=params.mapping,
    lookup_key=params.text,
    nickname=params.clearable,
    tax_behavior=params.text,
)
PLAN: Final = params.spec(
    "transform_usage",
    active=params.boolean,
    amount=params.integer,
    amount_decimal=params.decimal,
    billing_scheme=params.one_of("per_unit", "tiered"),
    currency=params.currency,
    id=params.text,
    interval=params.one_of("day", "week", "month", "year"),
    interval_count=params.positive,
    meter=params.text,
    nickname=params.clearable,
    product=params.any_value,
    tiers=params.maps,
    tiers_mode=params.one_of("graduated", "volume"),
    trial_period_days=params.integer,
    usage_type=params.one_of("licensed", "metered"),
)
SHOWN_OF_PRICE: Final = ("active", "lookup_key", "nickname", "tax_behavior")


def create_product(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    product: Obj = {
        "id": given.get("id") or new_id("product"), "object": "product",
        "active": given.get("active", True), "created": now(), "default_price": None,
        "description": given.get("description"), "images": given.get("images", []),
        "livemode": world.livemode, "metadata": params.merged({}, given.get("metadata", {})),
        "name": given["name"], "type": given.get("type", "service"), "updated": now(),
        "url": given.get("url"),
    }  # fmt: skip
    world.put(product)
    if "default_price_data" in given:
        data = params.mapping("default_price_data", given["default_price_data"])
        price = create_price(
            world, (), {**params.read(data, PRICE, ("currency",)), "product": product["id"]}
        )
        product = world.put({**product, "default_price": price["id"]})
    world.tell("product.created", product)
    return product


def update_product(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    product = world.get("product", ids[0])
    names = ("active", "default_price", "description", "images", "name", "url")
    changed = {**product, **lists.described(product, given, names), "updated": now()}
    world.tell("product.updated", changed)
    return world.put(changed)


def delete_product(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    if any(price["product"] == ids[0] for price in world.newest_first("price")):
        raise StripeError(
            400, "This product cannot be deleted because it has one or more user-created prices."
        )
    return world.drop("product", ids[0])


# Prices.


def create_price(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    price = _price(world, new_id("price"), given, _product(world, given))
    world.tell("price.created", price)
    return price


def _product(world: World, given: Obj) -> str:
    if "product" in given:
        return str(world.get("product", given["product"], param="product")["id"])
    if "product_data" not in given:
        raise StripeError(400, "You must specify either `product` or `product_data`.")
    data = params.read(params.mapping("product_data", given["product_data"]), PRODUCT, ("name",))
    return str(create_product(world, (), data)["id"])


def _price(world: World, price_id: str, given: Obj, product: str | None) -> Obj:
    recurring: Any = given.get("recurring")
    if recurring is not None:
        recurring = _recurring(recurring)
    tiers = [_tier(tier) for tier in given.get("tiers", ())]
    custom = given.get("custom_unit_amount")
    unit, exact = _unit(given, needed=not tiers and custom is None)
    price: Obj = {
        "id": price_id, "object": "price", "active": given.get("active", True),
        "billing_scheme": given.get("billing_scheme", "tiered" if tiers else "per_unit"),
        "created": now(), "currency": given["currency"],
        "custom_unit_amount": None if custom is None else _custom(custom),
        "livemode": world.livemode, "lookup_key": given.get("lookup_key"),
        "metadata": params.merged({}, given.get("metadata", {})),
        "nickname": given.get("nickname"), "product": product, "recurring": recurring,
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": given.get("tiers_mode"),
        "transform_quantity": _package(given.get("transform_quantity")),
        "type": "recurring" if recurring else "one_time",
        "unit_amount": unit, "unit_amount_decimal": exact,
    }  # fmt: skip
    if price["billing_scheme"] == "tiered" and (not tiers or price["tiers_mode"] is None):
        raise errors.missing("tiers" if not tiers else "tiers_mode")
    options = _options(given)
    if tiers or options:
        world.more[price_id] = {"tiers": tiers or None, "currency_options": options}
    return world.put(price)


def _recurring(given: Obj) -> Obj:
    if given.get("interval") not in ("day", "week", "month", "year"):
        raise errors.invalid("recurring interval", "recurring[interval]", given.get("interval"))
    count = params.positive("recurring[interval_count]", given.get("interval_count", "1"))
    more = {"meter": None, "trial_period_days": None, "usage_type": "licensed"}
    return {**more, **given, "interval_count": count}


def _unit(given: Obj, *, needed: bool) -> tuple[int | None, str | None]:
    """unit_amount (null when it is not whole) and unit_amount_decimal."""
    if "unit_amount" in given:
        return given["unit_amount"], str(given["unit_amount"])
    exact: str | None = given.get("unit_amount_decimal")
    if exact is None:
        if needed:
            raise errors.missing("unit_amount")
        return None, None
    value = Fraction(exact)
    return (int(value) if value.denominator == 1 else None), exact


def _tier(given: Obj) -> Obj:
    tier: Obj = {"up_to": None}
    if given.get("up_to", "inf") != "inf":
        tier["up_to"] = params.positive("tiers[up_to]", given["up_to"])
    for name in ("unit_amount", "flat_amount"):
        exact = given.get(f"{name}_decimal", given.get(name))
        tier[name], tier[f"{name}_decimal"] = None, exact
        if exact is not None:
            value = Fraction(params.decimal(f"tiers[{name}]", exact))
            tier[name] = int(value) if value.denominator == 1 else None
    return tier


def _custom(given: Obj) -> Obj:
    """The payer chooses; null: no bound."""
    return {
        name: None if name not in given else params.positive(name, given[name])
        for name in ("maximum", "minimum", "preset")
    }


def _package(given: Obj | None) -> Obj | None:
    if given is None:
        return None
    size = params.positive("transform_quantity[divide_by]", given.get("divide_by", ""))
    return {"divide_by": size, "round": given.get("round", "up")}


def _options(given: Obj) -> Obj:
    """Amounts in other currencies, the price's own among them, as Stripe shows them."""
    options: Obj = {}
    for code, amounts in given.get("currency_options", {}).items():
        read = params.read(params.mapping(code, amounts), {**AMOUNTS, "tax_behavior": params.text})
        tiers = [_tier(tier) for tier in read.get("tiers", ())]
        unit, exact = _unit(read, needed=not tiers)
        own = {"unit_amount": unit, "unit_amount_decimal": exact, "tiers": tiers or None}
        options[params.currency(code, code)] = own
    return options


def update_price(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    price = world.get("price", ids[0])
    if "currency_options" in given:
        more = world.more.get(price["id"], {"tiers": None, "currency_options": {}})
        options = {**more["currency_options"], **_options(given)}
        world.more[price["id"]] = {**more, "currency_options": options}
    changed = {**price, **lists.described(price, given, SHOWN_OF_PRICE)}
    world.tell("price.updated", changed)
    return world.put(changed)


def tiers_of(world: World, price: Obj) -> list[Obj]:
    tiers: list[Obj] = world.more.get(price["id"], {}).get("tiers") or []
    return tiers


def in_currency(world: World, price: Obj, code: str) -> Obj:
    """The price as it is in that currency. Raises StripeError when it has no amount there."""
    if price["currency"] == code:
        return price
    own = world.more.get(price["id"], {}).get("currency_options", {}).get(code)
    if own is None:
        raise StripeError(
            400, f"The price specified only supports `{price['currency']}`.", param="currency"
        )
    amounts = {name: own[name] for name in ("unit_amount", "unit_amount_decimal")}
    return {**price, **amounts, "currency": code}


def of_item(world: World, item: Obj, param: str) -> Obj:
    """The price that an item names (`price`, `plan`, `pricing[price]`) or brings (`price_data`)."""
    named = item.get("price") or item.get("plan") or params.inner(item, "pricing").get("price")
    if named:
        return world.get("price", named, param=f"{param}[price]")
    if "price_data" not in item:
        raise errors.missing(f"{param}[price]")
    data = params.mapping(f"{param}[price_data]", item["price_data"])
    read = params.read(data, INLINE, ("currency",))
    return _price(world, new_id("price"), {**read, "active": False}, _product(world, read))


# Plans.


def create_plan(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    plan_id = given.get("id") or new_id("plan")
    product = given.get("product")
    if isinstance(product, dict):
        product = create_product(world, (), params.read(product, PRODUCT, ("name",)))["id"]
    elif product:
        world.get("product", product, param="product")
    recurring = {
        "interval": given["interval"],
        "interval_count": str(given.get("interval_count", 1)),
        "usage_type": given.get("usage_type", "licensed"),
        "meter": given.get("meter"),
    }
    same = {"amount": "unit_amount", "amount_decimal": "unit_amount_decimal"}
    as_price = {same.get(name, name): value for name, value in given.items()}
    as_price["recurring"] = recurring
    price = _price(world, plan_id, as_price, product)
    plan: Obj = {
        "id": plan_id, "object": "plan", "active": price["active"],
        "amount": price["unit_amount"], "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"], "created": now(),
        "currency": price["currency"], "interval": given["interval"],
        "interval_count": price["recurring"]["interval_count"], "livemode": world.livemode,
        "meter": given.get("meter"), "metadata": price["metadata"],
        "nickname": price["nickname"], "product": product, "tiers_mode": price["tiers_mode"],
        "transform_usage": None, "trial_period_days": given.get("trial_period_days"),
        "usage_type": recurring["usage_type"],
    }  # fmt: skip
    if tiers_of(world, price):
        world.more[plan_id]["tiers"] = tiers_of(world, price)
    world.tell("plan.created", plan)
    return world.put(plan)


def update_plan(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    plan = world.get("plan", ids[0])
    changed = {**plan, **lists.described(plan, given, ("active", "nickname", "trial_period_days"))}
    return world.put(changed)


def delete_plan(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    world.tables["price"].pop(ids[0], None)
    return world.drop("plan", ids[0])


def items_of(given: Obj, name: str) -> list[Obj]:
    """A list of maps among raw values, such as `subscription_details[items]`."""
    value = listed(given.get(name, []))
    return params.maps(name, value)
