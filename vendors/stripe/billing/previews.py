"""What Stripe itself says a change would bill: `POST /v1/invoices/create_preview`, which changes
nothing.

The parameters of a subscription have other names there; `mapped` carries them over. A parameter
that is neither carried over nor known to leave the first invoice alone makes the call unpriced, by
its name. What only lowers or delays an invoice (a trial) is left out where the preview has no such
parameter: the quote is then what it would be without, an upper bound. The preview's `amount_due` is
what would be charged, a customer's credit taken off; but credit pays once, and two calls at the
same moment both count on it: so it takes nothing off here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from vendors import form
from vendors.contract import Lookup, Quote, Unpriced
from vendors.form import FORM_TYPE, Pair
from vendors.stripe.asked import Fields
from vendors.stripe.billing.exact import branch, listed, read_exact, signed
from vendors.stripe.billing.steps import Asking, Steps, free_text, plain_quote, under
from vendors.stripe.things import Unclear, text
from vendors.stripe.verdicts import Tree

PREVIEW: Final = "/v1/invoices/create_preview"
RENEWALS: Final = "renewals are not counted"

_KINDS: Final = ("invoice", "subscription")
"""Of item details, below a line's parent."""


@dataclass(frozen=True, slots=True)
class Preview:
    """due: what the previewed invoice would charge without credit. prorated: what the positive
    prorations on it come to, None if it does not show all of its lines. Minor units of
    `currency`."""

    currency: str
    due: int
    prorated: int | None


def previewed(pairs: Iterable[Pair]) -> Steps[Preview]:
    """Raises Unclear for a preview that cannot be read."""
    body = form.encode(pairs)
    answer = yield Lookup(PREVIEW, "what it would bill", body=body, content_type=FORM_TYPE)
    tree = read_exact(answer.body)
    if tree.get("object") != "invoice":
        raise Unclear("the preview is not an invoice")
    due = max(0, signed(tree, "amount_due"), without_credit(tree))
    return Preview(text(tree, "currency").lower(), due, _prorated(tree))


def preview_quote(ask: Asking, pairs: Iterable[Pair], what: str) -> Steps[Quote]:
    """A call that belongs to no object yet, at what its preview is due."""
    shown = yield from previewed(pairs)
    return plain_quote(ask, shown.currency, shown.due, f"{what} ({RENEWALS}) bills at most")


def mapped(fields: Fields, carried: Mapping[str, str], left_out: Collection[str]) -> list[Pair]:
    """The parameters of a preview. carried: root of a parameter -> what that is called there.
    left_out: roots and templates of parts that cannot raise what is due now; metadata, everywhere.
    Raises Unpriced, naming a parameter that is in neither."""
    pairs = []
    for name, value in fields.items():
        root = name.partition("[")[0]
        if free_text(name) or under(name, left_out):
            continue
        if root not in carried:
            raise Unpriced(f"{name} cannot be previewed")
        pairs.append((carried[root] + name[len(root) :], value))
    return pairs


def without_credit(tree: Tree) -> int:
    """What an invoice comes to before the customer's balance. Raises Unclear."""
    return 0 if tree.get("total") is None else signed(tree, "total")


def _prorated(tree: Tree) -> int | None:
    """Credits take nothing off: some may be of earlier changes."""
    try:
        lines = listed(tree.get("lines"))
        return sum(max(0, signed(line, "amount")) for line in lines if _is_proration(line))
    except Unclear:
        return None


def _is_proration(line: Tree) -> bool:
    """`proration` moved into the line's parent with API version 2025-03-31."""
    parent = branch(line, "parent")
    places = (line, *(branch(parent, f"{kind}_item_details") for kind in _KINDS))
    return any(place.get("proration") not in (None, False) for place in places)
