"""Checkout Sessions: pages on which somebody pays later, for up to a day.

The object is the session (`cs_…`). Nobody is charged when it is made, and whoever has its address
can pay without any call through us, so it stands at the most that can come of it (hosted.py) until
it is complete or has expired. A subscription counts with its first period. A session that can be
recovered after it expired would begin another one that nobody counts, and has no price.

| operation | quote |
| --- | --- |
| create | the most that the payer can be asked for; nothing to set up a payment method |
| update | the same with the new lines; nothing if no line changes |
| expire | nothing more |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vendors.contract import End, Quote, Reading, Unpriced
from vendors.stripe.asked import (
    NEITHER,
    Quoters,
    nothing_more,
    path_id,
    total_quote,
)
from vendors.stripe.billing.exact import figure, listed
from vendors.stripe.billing.hosted import HARMLESS, LINES, PRICED, most
from vendors.stripe.billing.steps import (
    Asking,
    Steps,
    admit,
    elements,
    frees,
    look,
    plain_quote,
    quoter,
    true,
)
from vendors.stripe.billing.taxes import NONE, asked_tax, taxed_automatically
from vendors.stripe.currencies import known
from vendors.stripe.things import Unclear, check_kind, text
from vendors.stripe.verdicts import (
    Rereaders,
    Settler,
    Tree,
    Verdict,
    aside,
    check_id,
    named,
    rate_of,
)

_PAGE: Final = HARMLESS | {
    *("adaptive_pricing", "after_expiration[recovery][allow_promotion_codes]", "locale", "mode"),
    *("allowed_payment_method_types", "branding_settings", "cancel_url", "client_reference_id"),
    *("customer", "customer_account", "customer_email", "customer_update", "expires_at"),
    *("excluded_payment_method_types", "integration_identifier", "origin_context", "permissions"),
    *("payment_method_configuration", "payment_method_data", "redirect_on_completion"),
    *("return_url", "saved_payment_method_options", "setup_intent_data", "success_url"),
    *("ui_mode", "wallet_options"),
}
_RECOVERY: Final = "after_expiration[recovery][enabled]"
_TAXES: Final = "subscription_data[default_tax_rates]"
_QUIET: Final = frozenset({"collected_information", "expand", "metadata", "payment_intent_data"})


def _create(ask: Asking) -> Steps[Quote]:
    fields = ask.fields
    admit(fields, PRICED | {_RECOVERY, _TAXES, f"{_TAXES}[]"}, _PAGE)
    if true(fields, _RECOVERY):
        raise Unpriced(f"{_RECOVERY} begins further sessions that nobody counts")
    if fields.get("mode") == "setup" and not elements(fields, "line_items"):
        return Quote(0, "setting up a payment method charges nothing")
    code = fields.get("currency")
    currency = None if code is None else known("currency", code)
    tax = (yield from asked_tax(ask, "", _TAXES)) or NONE
    page = yield from most(ask, currency, tax)
    return plain_quote(ask, page.currency, page.minor, "a checkout page of at most")


def _update(ask: Asking) -> Steps[Quote]:
    """Lines are sent whole, and take the place of those before."""
    fields = ask.fields
    if {name.partition("[")[0] for name in fields} <= _QUIET:
        return Quote(0, "no money field changes")
    admit(fields, LINES | {"line_items[][id]"}, HARMLESS | _QUIET)
    if not elements(fields, "line_items"):
        raise Unpriced("shipping_options: what they are added to is only known with line_items")
    session_id = path_id(ask.reading)
    tree = yield from look(
        f"/v1/checkout/sessions/{session_id}",
        "what else is on the page is at Stripe",
        "checkout.session",
        session_id,
    )
    status = text(tree, "status")
    if status != "open":
        return nothing_more(session_id, status)
    if taxed_automatically(tree) or listed(tree.get("optional_items")):
        raise Unpriced("the page has automatic tax or optional items beside line_items")
    currency = text(tree, "currency").lower()
    page = yield from most(ask, currency)
    shipping = 0 if elements(fields, "shipping_options") else _shipping(tree)
    total = max(page.minor + shipping, _total(tree))
    return total_quote(session_id, currency, total, 0, ask.rates, ask.kept)


def _shipping(tree: Tree) -> int:
    """The dearest option that the page has already."""
    options = listed(tree.get("shipping_options"))
    return max((figure(option, "shipping_amount") for option in options), default=0)


def _total(tree: Tree) -> int:
    """Nothing is asked for on a page that sets up a payment method."""
    return 0 if tree.get("amount_total") is None else figure(tree, "amount_total")


def of_session(quote: Quote, tree: Tree) -> Verdict:
    """What a session means for all that is held for it. While it is open its payer may still make
    it what its hold foresaw. Raises Unclear."""
    check_kind(tree, "checkout.session")
    session_id, status = text(tree, "id"), text(tree, "status")
    check_id(quote, session_id)
    if status == "expired":
        return Verdict(End.RELEASED, 0, 0, session_id, session_id)
    if quote.rate is None:
        return Verdict(End.SETTLED, label=session_id)
    micros = rate_of(quote, text(tree, "currency").lower()).to_micros(_total(tree))
    if _on_trial(tree):
        return Verdict(End.SETTLED, quote.amount_micros, 0, session_id, session_id)
    if status == "open":
        micros = max(micros, quote.amount_micros)
    elif status != "complete":
        raise Unclear("the session has a status that is not known")
    elif _paid(tree):
        return Verdict(End.SETTLED, micros, 0, session_id, session_id)
    return Verdict(End.STANDING if micros else End.SETTLED, 0, micros, session_id, session_id)


def _on_trial(tree: Tree) -> bool:
    """A subscription that begins with nothing to pay: its first paid period follows by itself."""
    begins = (tree.get("mode"), tree.get("status")) == ("subscription", "complete")
    return begins and tree.get("payment_status") == "no_payment_required"


def _paid(tree: Tree) -> bool:
    """A bank's debit may come days after the page is complete."""
    status: Any = tree.get("payment_status")
    if status not in ("no_payment_required", "paid", "unpaid"):
        raise Unclear("the session has a payment status that is not known")
    return bool(status != "unpaid")


def _settle(reading: Reading, quote: Quote, tree: Tree) -> Verdict:
    if aside(reading, quote):
        return Verdict(End.SETTLED, label=named(tree))
    return of_session(quote, tree)


_SESSIONS: Final = "PostCheckoutSessions"

QUOTERS: Final[Quoters] = {
    _SESSIONS: (quoter(_create), frozenset({"currency"})),
    f"{_SESSIONS}Session": (quoter(_update), NEITHER),
    f"{_SESSIONS}SessionExpire": (frees("an expired page asks for nothing"), NEITHER),
}
SETTLERS: Final[Mapping[str, Settler]] = dict.fromkeys(QUOTERS, _settle)
REREADERS: Final[Rereaders] = {"cs_": ("/v1/checkout/sessions/", of_session)}
