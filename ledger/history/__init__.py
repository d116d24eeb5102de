"""The audit log: one row per call in an SQLite file of its own, away from the hot path.

The journal is the chained, durable record of money; these rows are for people, who ask who did
what, when, why and at what price. They carry no chain of their own and need none: what is lost or
doubted here is rebuilt from the journal, whose entries `keybrake ledger verify` proves.
"""

from ledger.history.file import Trouble
from ledger.history.health import VendorHealth
from ledger.history.history import History
from ledger.history.marks import Journals
from ledger.history.reader import Filters, Found, NoSuchCall, Place, Records
from ledger.history.schema import CallRow, scenario
from ledger.history.spend import SERIES_MAX, STEPS_MAX, Line, Overview, Series

__all__ = [
    "SERIES_MAX",
    "STEPS_MAX",
    "CallRow",
    "Filters",
    "Found",
    "History",
    "Journals",
    "Line",
    "NoSuchCall",
    "Overview",
    "Place",
    "Records",
    "Series",
    "Trouble",
    "VendorHealth",
    "scenario",
]
