"""Dates as the 2010 API writes them (RFC 2822): `Thu, 24 Aug 2023 05:01:45 +0000`, in microseconds
since 1970-01-01 UTC."""

from __future__ import annotations

import datetime
from email.utils import parsedate_to_datetime
from typing import Final

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


def read_mail_time(value: object) -> int | None:
    """None for what is no such date."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (moment - _EPOCH) // _MICROSECOND
