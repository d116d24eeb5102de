"""The audit log: one row per call in an SQLite file of its own, away from the hot path.

The journal is the chained, durable record of money; these rows are for people, who ask who did what, when,
why and at what price. They carry no chain of their own and need none: what is lost or doubted here is
rebuilt from the journal, whose entries `keybrake ledger verify` proves.
"""

from ledger.history.schema import CallRow

__all__ = ["CallRow"]
