"""Subscription schedules: phases that start, change and end a subscription by themselves.

Creating or changing one is priced by its preview (`schedule_details`): the first invoice, or the
next one. What later phases bill is like a renewal and is not counted. Canceling an active one
invoices at once unless told not to. No answer names an invoice, so a call settles at its quote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vendors.contract import End, Quote, Reading
from vendors.stripe.asked import NEITHER, Quoters, checked_id, path_id
from vendors.stripe.billing.previews import RENEWALS, mapped, preview_quote
from vendors.stripe.billing.steps import Asking, Steps, admit, look, quoter
from vendors.stripe.billing.subscriptions import FINAL
from vendors.stripe.things import check_kind, reference, text
from vendors.stripe.verdicts import Emits, Settler, Tree, Verdict, held

_OWNERS: Final = {"customer": "customer", "customer_account": "customer_account"}
_DETAILS: Final = {
    name: f"schedule_details[{name}]"
    for name in ("billing_mode", "end_behavior", "pause_schedules", "phases", "proration_behavior")
}
_LEFT_OUT: Final = frozenset(
    {
        *("expand", "metadata", "default_settings[application_fee_percent]"),
        *("default_settings[collection_method]", "default_settings[default_payment_method]"),
        *("default_settings[description]", "default_settings[invoice_settings]"),
        *("default_settings[on_behalf_of]", "default_settings[transfer_data]"),
        *("phases[][invoice_settings][custom_fields]", "phases[][invoice_settings][description]"),
        *("phases[][invoice_settings][footer]", "phases[][add_invoice_items][][period]"),
        *("phases[][trial]", "phases[][trial_continuation]", "phases[][trial_end]"),
    }
)
_OVER: Final = frozenset({"canceled", "completed", "not_started", "released"})


def _create(ask: Asking) -> Steps[Quote]:
    """From a subscription that runs already: it goes on as it is."""
    if ask.fields.get("from_subscription"):
        admit(ask.fields, NEITHER, {"billing_mode", "expand", "from_subscription", "metadata"})
        return Quote(0, f"the subscription goes on as it is; {RENEWALS}")
    carried = {**_OWNERS, **_DETAILS, "start_date": "schedule_details[phases][0][start_date]"}
    pairs = mapped(ask.fields, carried, _LEFT_OUT)
    return (yield from preview_quote(ask, pairs, "the first invoice of the schedule"))


def _update(ask: Asking) -> Steps[Quote]:
    pairs = mapped(ask.fields, _DETAILS, _LEFT_OUT)
    if "phases" not in {name.partition("[")[0] for name in ask.fields}:
        return Quote(0, f"nothing in it bills at once; {RENEWALS}")
    pairs = [("schedule", path_id(ask.reading)), *pairs]
    return (yield from preview_quote(ask, pairs, "the next invoice of the schedule"))


def _cancel(ask: Asking) -> Steps[Quote]:
    """`invoice_now` is true unless it is given as `false`."""
    admit(ask.fields, NEITHER, {"expand", "invoice_now", "prorate"})
    if ask.fields.get("invoice_now") == "false":
        return Quote(0, "canceling without an invoice bills nothing")
    schedule_id = path_id(ask.reading)
    target = f"/v1/subscription_schedules/{schedule_id}"
    why = "whether the schedule is active"
    tree = yield from look(target, why, "subscription_schedule", schedule_id)
    status = text(tree, "status")
    if status in _OVER:
        return Quote(0, f"{schedule_id} is {status} and has nothing to invoice")
    subscription_id = checked_id("subscription", reference(tree, "subscription"))
    pairs = [("subscription", subscription_id), *FINAL]
    return (yield from preview_quote(ask, pairs, "the final invoice"))


def _settle(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    check_kind(tree, "subscription_schedule")
    return Verdict(End.SETTLED, quote.amount_micros, label=text(tree, "id"))


_SCHEDULES: Final = "PostSubscriptionSchedules"

QUOTERS: Final[Quoters] = {
    _SCHEDULES: (quoter(_create), NEITHER),
    f"{_SCHEDULES}Schedule": (quoter(_update), NEITHER),
    f"{_SCHEDULES}ScheduleCancel": (quoter(_cancel), NEITHER),
}
SETTLERS: Final[Mapping[str, Settler]] = dict.fromkeys(QUOTERS, _settle)
EMITS: Final[Mapping[str, Emits]] = {_SCHEDULES: Emits(("subscription_schedule.created",), held)}
