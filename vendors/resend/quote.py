"""The most a call to Resend can cost, before it leaves: recipients times the price of one.

| operation | recipients |
| --- | --- |
| send a mail | all addresses in `to`, `cc` and `bcc` |
| send a batch | the same, over all of its mails |
| create a broadcast, send it | the contacts of its segment, counted first; a draft: none |
| cancel a scheduled mail, move it, change a broadcast | none |

A segment is counted page by page, a hundred contacts each, in at most LOOKUPS_MAX look-ups; a
larger one has no price. Neither has a broadcast that goes out later: it goes to whoever is in the
segment on that day. Contacts who have unsubscribed count as well; those who join in the moment
between the count and the sending do not, and no answer tells of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from vendors.contract import Answer, Lookup, Quote, Reading, Unpriced, Unreadable
from vendors.rates import Rate
from vendors.resend.answers import ID, Unclear, read_object, read_page
from vendors.resend.prices import Prices
from vendors.resend.recipients import count

LOOKUPS_MAX: Final = 10
"""What the gateway makes for one call."""
PAGE: Final = 100

Quoter = Callable[[Reading, Prices, Sequence[Answer], Rate | None], Quote | Lookup]


def quote(
    reading: Reading, prices: Prices, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """For PRICED operations. Raises Unreadable, Unpriced."""
    return QUOTERS[reading.operation.name](reading, prices, found, kept)


def _mail(
    reading: Reading, prices: Prices, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    return _of(count(reading.fields), prices)


def _nothing_more(
    reading: Reading, prices: Prices, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    return Quote(0, "sends nothing by itself", units=0)


def _cancel(
    reading: Reading, prices: Prices, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    """Belongs to the mail, so that its answer can free what is held. Ids are in lower case in
    Resend's answers."""
    email_id = path_id(reading).lower()
    return Quote(0, "a mail that is not sent costs nothing", rate=kept, object_id=email_id, units=0)


def _create_broadcast(
    reading: Reading, prices: Prices, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    fields = reading.fields
    _refuse_later(fields)
    send = fields.get("send", "")
    if send in ("", "false"):
        return Quote(0, "a draft, which reaches nobody", units=0)
    if send != "true":
        raise Unreadable("send", "must be true or false")
    named = {fields[name] for name in ("segment_id", "audience_id") if fields.get(name)}
    if len(named) != 1:
        raise Unreadable("segment_id", "name one segment")
    segment_id = _checked("segment_id", *named)
    return _of_segment(segment_id, prices, found, LOOKUPS_MAX)


def _send_broadcast(
    reading: Reading, prices: Prices, found: Sequence[Answer], kept: Rate | None
) -> Quote | Lookup:
    _refuse_later(reading.fields)
    broadcast_id = _checked("id", path_id(reading))
    if not found:
        return Lookup(f"/broadcasts/{broadcast_id}", "to whom the broadcast goes")
    segment_id = _segment_of(broadcast_id, found[0])
    return _of_segment(segment_id, prices, found[1:], LOOKUPS_MAX - 1)


def _refuse_later(fields: Mapping[str, str]) -> None:
    if fields.get("scheduled_at"):
        raise Unpriced(
            "a broadcast with scheduled_at goes to whoever is in its segment on that day, "
            "which nobody can count now"
        )


def _segment_of(broadcast_id: str, answer: Answer) -> str:
    """`audience_id` is the old name of the same thing."""
    try:
        tree = read_object(answer)
    except Unclear as exc:
        raise Unpriced(f"the broadcast cannot be read at Resend: {exc}") from None
    if str(tree.get("id")).lower() != broadcast_id.lower():
        raise Unpriced("Resend showed another broadcast than the one that was asked for")
    named = {tree[name] for name in ("segment_id", "audience_id") if _is_id(tree.get(name))}
    if len(named) != 1:
        raise Unpriced(f"the broadcast {broadcast_id} does not name one segment that it goes to")
    return str(*named)


def _checked(field: str, value: str) -> str:
    """An id that becomes part of a look-up's path."""
    if ID.fullmatch(value) is None:
        raise Unreadable(field, "not an id")
    return value


def _is_id(value: object) -> bool:
    return isinstance(value, str) and ID.fullmatch(value) is not None


def _of_segment(
    segment_id: str, prices: Prices, pages: Sequence[Answer], pages_max: int
) -> Quote | Lookup:
    contacts, after = 0, ""
    for answer in pages:
        try:
            page = read_page(answer)
        except Unclear as exc:
            raise Unpriced(f"the contacts of segment {segment_id} cannot be read: {exc}") from None
        contacts += len(page.items)
        if not page.more:
            return _of(contacts, prices, f", the contacts of segment {segment_id}")
        after = f"&after={page.last}"
    if len(pages) == pages_max:
        raise Unpriced(
            f"segment {segment_id} has more than {contacts} contacts, "
            "and no more than that are counted before a broadcast"
        )
    target = f"/segments/{segment_id}/contacts?limit={PAGE}{after}"
    return Lookup(target, "how many contacts the broadcast goes to")


def _of(recipients: int, prices: Prices, where: str = "") -> Quote:
    rate = prices.rate
    how = f"{recipients} x {prices.shown} USD: one for each recipient{where}"
    return Quote(rate.to_micros(recipients), how, "usd", recipients, rate, units=recipients)


def path_id(reading: Reading) -> str:
    """The id in the path of an operation that has one."""
    object_id = reading.operation.object_id
    assert object_id is not None, "the operation's pattern has a parameter"
    return object_id


QUOTERS: Final[Mapping[str, Quoter]] = {
    "emails/send": _mail,
    "emails/send-batch": _mail,
    "emails/update": _nothing_more,
    "emails/cancel": _cancel,
    "broadcasts/create": _create_broadcast,
    "broadcasts/update": _nothing_more,
    "broadcasts/send": _send_broadcast,
}
