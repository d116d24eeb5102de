"""Subscriptions: what starting or changing one bills, as Stripe previews it.

The quote is the preview's `amount_due`: the first invoice of a new subscription, the next one of a
changed subscription. Renewals are not counted. A trial is left out of a new subscription's preview,
so that the key must be able to carry the first paid period, which follows without another call.

| operation | quote |
| --- | --- |
| create | the first invoice |
| update, items added or changed | the next invoice; nothing if no parameter can bill |
| an item deleted | the next invoice if it is invoiced at once; else nothing |
| resume | the invoice of resuming |
| pause | the invoice of pausing, if it asks for one; what it leaves waiting is billed by `resume` |
| cancel | nothing without `invoice_now`; else the final invoice |

An answer names the subscription's latest invoice. A new one is the object (`in_…`): it stands at
the quote until it is read, or is booked as the answer shows it. If it is the old one nothing was
invoiced now, and what the change adds to the next invoice (its prorations) is settled. An answer
about an item names no invoice: it settles at the quote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from vendors.contract import End, Quote, Reading, Unreadable
from vendors.fact import fact
from vendors.form import Pair
from vendors.stripe import intents
from vendors.stripe.asked import NEITHER, Quoters, checked_id, path_id
from vendors.stripe.billing.invoices import of_invoice
from vendors.stripe.billing.previews import RENEWALS, mapped, preview_quote, previewed
from vendors.stripe.billing.steps import (
    Asking,
    Steps,
    look,
    path_part,
    plain_quote,
    quoter,
    true,
)
from vendors.stripe.things import Unclear, check_kind, reference, text
from vendors.stripe.verdicts import Emits, Leftover, Settler, Tree, Verdict, held

_AS_THEY_ARE: Final = (
    *("automatic_tax", "currency", "customer", "customer_account", "discounts", "on_behalf_of"),
)
_OF_THE_DETAILS: Final = (
    *("billing_cycle_anchor", "billing_mode", "billing_schedules", "cancel_at"),
    *("cancel_at_period_end", "default_tax_rates", "items", "proration_behavior"),
    "proration_date",
)
_CARRIED: Final = {
    **{name: name for name in _AS_THEY_ARE},
    **{name: f"subscription_details[{name}]" for name in _OF_THE_DETAILS},
    "add_invoice_items": "invoice_items",
}
_CARRIED_NEW: Final = {**_CARRIED, "backdate_start_date": "subscription_details[start_date]"}
_CARRIED_UPDATE: Final = {**_CARRIED, "trial_end": "subscription_details[trial_end]"}

_LEFT_OUT: Final = frozenset(
    {
        *("add_invoice_items[][period]", "application_fee_percent", "cancellation_details"),
        *("collection_method", "coupon", "days_until_due", "default_payment_method"),
        *("default_source", "description", "expand", "invoice_settings", "metadata"),
        *("off_session", "pause_collection", "payment_behavior", "payment_settings"),
        *("pending_invoice_item_interval", "promotion_code", "transfer_data", "trial_from_plan"),
        "trial_settings",
    }
)
"""How and when it is paid, and what only lowers it."""
_LEFT_OUT_NEW: Final = _LEFT_OUT | {
    *("billing_thresholds", "items[][billing_thresholds]", "items[][current_trial]"),
    *("trial_end", "trial_period_days"),
}
_QUIET: Final = frozenset(
    {
        *("automatic_tax", "cancel_at", "cancel_at_period_end", "default_tax_rates", "discounts"),
        *("on_behalf_of", "proration_behavior", "proration_date"),
    }
)
"""Change renewals, and bill nothing when they change alone."""

_ITEM_PARTS: Final = (
    *("clear_usage", "current_trial", "discounts", "plan", "price", "price_data", "quantity"),
    "tax_rates",
)
_ITEM: Final = {
    **{name: f"subscription_details[items][0][{name}]" for name in _ITEM_PARTS},
    "proration_behavior": "subscription_details[proration_behavior]",
    "proration_date": "subscription_details[proration_date]",
}
_ITEM_LEFT_OUT: Final = frozenset({"expand", "metadata", "off_session", "payment_behavior"})
_RESUME: Final = {
    name: f"subscription_details[{name}]"
    for name in ("billing_cycle_anchor", "proration_behavior", "proration_date")
}
_PAUSE: Final = {
    name: f"subscription_details[pause][{name}]"
    for name in ("bill_for", "invoicing_behavior", "type")
}
FINAL: Final = (
    ("subscription_details[cancel_now]", "true"),
    ("subscription_details[proration_behavior]", "none"),
)
"""The preview of canceling at once and invoicing it. Credits for time that is left take nothing
off: whether they are given is another parameter's to say."""


@fact
class Change(Quote):
    """The quote of a call that changes a subscription. latest: its latest invoice before, '' for
    none. later_micros: what the change adds to the next invoice, if it is not invoiced now."""

    latest: str = ""
    later_micros: int = 0


def _create(ask: Asking) -> Steps[Quote]:
    pairs = mapped(ask.fields, _CARRIED_NEW, _LEFT_OUT_NEW)
    return (yield from preview_quote(ask, pairs, "the first invoice"))


def _create_for(ask: Asking) -> Steps[Quote]:
    """The legacy twin: the path names the customer."""
    if "customer" in ask.fields:
        raise Unreadable("customer", "the path names the customer already")
    owner = ("customer", checked_id("customer", path_part(ask, 2)))
    pairs = [owner, *mapped(ask.fields, _CARRIED_NEW, _LEFT_OUT_NEW)]
    return (yield from preview_quote(ask, pairs, "the first invoice"))


def _update(ask: Asking) -> Steps[Quote]:
    pairs = mapped(ask.fields, _CARRIED_UPDATE, _LEFT_OUT)
    roots = {name.partition("[")[0] for name in ask.fields}
    if roots <= _QUIET | _LEFT_OUT:
        return Quote(0, f"nothing in it bills at once; {RENEWALS}")
    return (yield from _change(ask, pairs, "the next invoice after the change"))


def _resume(ask: Asking) -> Steps[Quote]:
    pairs = mapped(ask.fields, _RESUME, {"expand", "payment_behavior"})
    now = ("subscription_details[resume_at]", "now")
    return (yield from _change(ask, [now, *pairs], "resuming"))


def _pause(ask: Asking) -> Steps[Quote]:
    pairs = mapped(ask.fields, _PAUSE, {"expand"})
    if ask.fields.get("invoicing_behavior", "pending_invoice_item") == "pending_invoice_item":
        return Quote(0, "a paused subscription is invoiced when it is resumed")
    return (yield from _change(ask, pairs, "pausing"))


def _cancel(ask: Asking) -> Steps[Quote]:
    left_out = {"at_period_end", "cancellation_details", "expand", "invoice_now", "prorate"}
    pairs = mapped(ask.fields, {}, left_out)
    if not true(ask.fields, "invoice_now"):
        return Quote(0, "canceling without invoice_now bills nothing")
    return (yield from _change(ask, [*FINAL, *pairs], "the final invoice"))


def _change(ask: Asking, pairs: Sequence[Pair], what: str) -> Steps[Quote]:
    """Two look-ups: the subscription, to know its latest invoice from a new one, and the
    preview."""
    subscription_id = path_id(ask.reading)
    target = f"/v1/subscriptions/{subscription_id}"
    why = "the latest invoice of the subscription"
    tree = yield from look(target, why, "subscription", subscription_id)
    shown = yield from previewed([("subscription", subscription_id), *pairs])
    plain = plain_quote(ask, shown.currency, shown.due, f"{what} ({RENEWALS}) comes to at most")
    later = plain.amount_micros
    if shown.prorated is not None and plain.rate is not None:
        later = min(later, plain.rate.to_micros(shown.prorated))
    return Change(
        plain.amount_micros,
        plain.how,
        plain.currency,
        plain.amount_minor,
        plain.rate,
        latest=reference(tree, "latest_invoice"),
        later_micros=later,
    )


def _add_item(ask: Asking) -> Steps[Quote]:
    rest = {name: value for name, value in ask.fields.items() if name != "subscription"}
    subscription_id = checked_id("subscription", ask.fields.get("subscription", ""))
    pairs = mapped(rest, _ITEM, _ITEM_LEFT_OUT | {"billing_thresholds"})
    return (yield from _with_item(ask, subscription_id, pairs))


def _update_item(ask: Asking) -> Steps[Quote]:
    pairs = mapped(ask.fields, _ITEM, _ITEM_LEFT_OUT)
    roots = {name.partition("[")[0] for name in ask.fields}
    if roots <= _QUIET | _LEFT_OUT:
        return Quote(0, f"nothing in it bills at once; {RENEWALS}")
    return (yield from _with_stored_item(ask, pairs))


def _delete_item(ask: Asking) -> Steps[Quote]:
    pairs = mapped(ask.fields, _ITEM, _ITEM_LEFT_OUT)
    if ask.fields.get("proration_behavior") != "always_invoice":
        return Quote(0, "an item that is deleted is billed no more")
    gone = ("subscription_details[items][0][deleted]", "true")
    return (yield from _with_stored_item(ask, [gone, *pairs]))


def _with_stored_item(ask: Asking, pairs: Sequence[Pair]) -> Steps[Quote]:
    item_id = path_id(ask.reading)
    target = f"/v1/subscription_items/{item_id}"
    item = yield from look(target, "the subscription of the item", "subscription_item", item_id)
    subscription_id = checked_id("subscription", text(item, "subscription"))
    which = ("subscription_details[items][0][id]", item_id)
    return (yield from _with_item(ask, subscription_id, [which, *pairs]))


def _with_item(ask: Asking, subscription_id: str, pairs: Sequence[Pair]) -> Steps[Quote]:
    pairs = [("subscription", subscription_id), *pairs]
    return (yield from preview_quote(ask, pairs, "the next invoice after the change"))


def of_subscription(quote: Quote, tree: Tree) -> Verdict:
    """What the subscription's latest invoice means for the hold of the call. During a trial no
    invoice shows the first paid period, which counts at the quote. Raises Unclear."""
    label = _checked(tree, "subscription")
    if quote.rate is None:
        return Verdict(End.SETTLED, label=label)
    if tree.get("status") == "trialing":
        return Verdict(End.SETTLED, quote.amount_micros, label=label)
    latest = reference(tree, "latest_invoice")
    if isinstance(quote, Change) and latest == quote.latest:
        return Verdict(End.SETTLED, quote.later_micros, label=label)
    shown = tree.get("latest_invoice")
    if isinstance(shown, dict):
        return of_invoice(quote, shown)
    if not latest or not quote.amount_micros:
        return Verdict(End.SETTLED, label=label)
    return Verdict(End.STANDING, 0, quote.amount_micros, latest, label)


def _settle(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    return of_subscription(quote, tree)


def _settle_item(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    return Verdict(End.SETTLED, quote.amount_micros, label=_checked(tree, "subscription_item"))


def _checked(tree: Tree, kind: str) -> str:
    check_kind(tree, kind)
    return text(tree, "id")


def leftover(reading: Reading, quote: Quote, error: Tree) -> Verdict | None:
    """The intent of an invoice that could not be paid, and may still be."""
    intent = error.get("payment_intent")
    if intent is None or quote.rate is None:
        return None
    if not isinstance(intent, dict):
        raise Unclear("the refusal names a payment intent and does not show it")
    return intents.of_intent(quote, intent)


_CUSTOMERS: Final = "CustomersCustomerSubscriptions"
_UPDATE: Final = (quoter(_update), NEITHER)
_CANCEL: Final = (quoter(_cancel), NEITHER)
_CURRENCY: Final = frozenset({"currency"})

_OF_SUBSCRIPTIONS: Final[Quoters] = {
    "PostSubscriptions": (quoter(_create), _CURRENCY),
    f"Post{_CUSTOMERS}": (quoter(_create_for), _CURRENCY),
    "PostSubscriptionsSubscriptionExposedId": _UPDATE,
    f"Post{_CUSTOMERS}SubscriptionExposedId": _UPDATE,
    "PostSubscriptionsSubscriptionResume": (quoter(_resume), NEITHER),
    "PostSubscriptionsSubscriptionPause": (quoter(_pause), NEITHER),
    "DeleteSubscriptionsSubscriptionExposedId": _CANCEL,
    f"Delete{_CUSTOMERS}SubscriptionExposedId": _CANCEL,
}
_OF_ITEMS: Final[Quoters] = {
    "PostSubscriptionItems": (quoter(_add_item), NEITHER),
    "PostSubscriptionItemsItem": (quoter(_update_item), NEITHER),
    "DeleteSubscriptionItemsItem": (quoter(_delete_item), NEITHER),
}
QUOTERS: Final[Quoters] = {**_OF_SUBSCRIPTIONS, **_OF_ITEMS}
SETTLERS: Final[Mapping[str, Settler]] = {
    **dict.fromkeys(_OF_SUBSCRIPTIONS, _settle),
    **dict.fromkeys(_OF_ITEMS, _settle_item),
}
LEFTOVERS: Final[Mapping[str, Leftover]] = dict.fromkeys(QUOTERS, leftover)

_CREATED: Final = Emits(("customer.subscription.created",), of_subscription)
_UPDATED: Final = Emits(("customer.subscription.updated",), of_subscription, always=False)
_ITEMS: Final = Emits(("customer.subscription.updated",), held, always=False)

EMITS: Final[Mapping[str, Emits]] = {
    "PostSubscriptions": _CREATED,
    f"Post{_CUSTOMERS}": _CREATED,
    "PostSubscriptionsSubscriptionExposedId": _UPDATED,
    f"Post{_CUSTOMERS}SubscriptionExposedId": _UPDATED,
    "PostSubscriptionItems": _ITEMS,
    "PostSubscriptionItemsItem": _ITEMS,
}
