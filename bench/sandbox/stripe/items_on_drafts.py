"""Invoice items as they are asked for: one that names a draft is a line of it at once, and a change
of it is a change of the draft."""

from __future__ import annotations

from collections.abc import Callable

from bench.sandbox.stripe import invoiceitems, invoices, lists
from bench.sandbox.stripe.world import World
from bench.sandbox.wire import Obj


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    item = invoiceitems.create(world, ids, given)
    _draw(world, item, lambda data: [*data, invoiceitems.as_line(world, item)])
    return item


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    item = invoiceitems.update(world, ids, given)
    line = invoiceitems.as_line(world, item)
    _draw(world, item, lambda data: [line if _is_of(each, item) else each for each in data])
    return item


def delete(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    item = world.get("invoiceitem", ids[0])
    gone = invoiceitems.delete(world, ids, given)
    _draw(world, item, lambda data: [each for each in data if not _is_of(each, item)])
    return gone


def listing(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """`pending`: those that are on no invoice yet, or only those that are."""
    wanted = {name: given[name] for name in ("customer", "invoice") if name in given}
    found = [
        item
        for item in world.newest_first("invoiceitem")
        if not item.get("deleted")
        and all(item.get(name) == value for name, value in wanted.items())
        and ("pending" not in given or given["pending"] is (item["invoice"] is None))
        and lists.created_in(item["created"], given.get("created"))
    ]
    return lists.page(found, given, "/v1/invoiceitems", "invoiceitem")


def _draw(world: World, item: Obj, change: Callable[[list[Obj]], list[Obj]]) -> None:
    """Sum the item's draft up anew with other lines."""
    if item["invoice"] is None:
        return
    draft = world.get("invoice", item["invoice"])
    data = [world.put({**each, "invoice": draft["id"]}) for each in change(draft["lines"]["data"])]
    invoices.refresh(world, {**draft, "lines": {**draft["lines"], "data": data}})


def _is_of(line: Obj, item: Obj) -> bool:
    details = line["parent"]["invoice_item_details"]
    return bool(details) and details["invoice_item"] == item["id"]
