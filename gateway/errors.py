"""Every way in which the gateway says no: a class with a code, a status and facts that are safe to
show.

A refusal is raised where it is decided and dressed where it leaves (`gateway/call/refusals.py` for
callers, `gateway/admin/problems.py` for the admin side). `retry` tells an SDK whether asking again
can help."""

from __future__ import annotations

from typing import Any, ClassVar


class Refusal(Exception):
    """A no. message: one sentence for people. facts: JSON values, never a secret."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    message: ClassVar[str] = "Something went wrong inside the gateway."
    retry: ClassVar[bool | None] = None
    close: ClassVar[bool] = False
    """Must the connection be closed after this answer (framing can no longer be trusted)?"""

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        super().__init__(message or self.message)
        self.text = message or self.message
        self.facts = facts

    @property
    def rule(self) -> str | None:
        """The rule that says no, or whose cap; None where the code says all."""
        return self.facts.get("rule") or self.facts.get("blocked_by")


class Internal(Refusal):
    pass


class KeyMissing(Refusal):
    status, code = 401, "key_missing"
    message = (
        "Send a vault key: 'Authorization: Bearer vault_key_…', or HTTP Basic with it as the "
        "password, or as the user name alone."
    )


class KeyUnknown(Refusal):
    status, code = 401, "key_unknown"
    message = "This is no vault key of this gateway."


class KeyRevoked(Refusal):
    status, code = 401, "key_revoked"
    message = "This vault key, or the run it belongs to, was revoked."


class KeyExpired(Refusal):
    status, code = 401, "key_expired"
    message = "This vault key has expired."


class EndpointNotAllowed(Refusal):
    status, code = 403, "endpoint_not_allowed"
    message = "This vault key does not allow this method and path."


class VendorMismatch(Refusal):
    status, code = 403, "vendor_mismatch"
    message = "This vault key is for another vendor."


class PolicyRefused(Refusal):
    """Facts carry `rule`."""

    status, code = 403, "policy_refused"
    message = "A rule of this vault key refuses the call."


class EndpointUnpriced(Refusal):
    status, code = 403, "endpoint_unpriced"
    message = "This operation moves money and its price cannot be told in advance."


class RequestMalformed(Refusal):
    status, code = 400, "request_malformed"
    message = "The request is not well-formed HTTP."
    close = True

    def __init__(self, message: str | None = None, *, status: int = 400, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.status = status  # type: ignore[misc]  # 400, 417, 501 and 505 share one code


class RouteUnknown(Refusal):
    status, code = 404, "route_unknown"
    message = "Nothing lives at this path. A vendor is reached under its name, such as /stripe/…"


class MethodNotAllowed(Refusal):
    status, code = 405, "method_not_allowed"
    message = "This path does not take this method."


class RequestTimeout(Refusal):
    status, code = 408, "request_timeout"
    message = "The request did not arrive in time."
    close = True


class BodyTooLarge(Refusal):
    status, code = 413, "body_too_large"
    message = "The body is larger than what is read for its price."


class MediaTypeUnsupported(Refusal):
    status, code = 415, "media_type_unsupported"
    message = "A priced body must be plain form encoding or JSON in UTF-8."


class AmountUnreadable(Refusal):
    """Facts carry `field`."""

    status, code = 422, "amount_unreadable"
    message = "A field that decides the price cannot be read without doubt."


class HeadTooLarge(Refusal):
    status, code = 431, "head_too_large"
    message = "The request's head is too large."
    close = True


class IdempotencyConflict(Refusal):
    status, code, retry = 409, "idempotency_conflict", False
    message = "This Idempotency-Key was used for another request."


class IdempotencyInProgress(Refusal):
    status, code, retry = 409, "idempotency_in_progress", True
    message = "The first call with this Idempotency-Key is still running."


class SpendRefusal(Refusal):
    """A cap says no. Facts: cap_usd, spent_usd, held_usd, remaining_usd, resets_at, blocked_by."""

    status, retry = 429, False


class DailyCapExceeded(SpendRefusal):
    code = "daily_cap_exceeded"
    message = "This call could cost more than what is left of today's cap."


class TotalCapExceeded(SpendRefusal):
    code = "total_cap_exceeded"
    message = "This call could cost more than what is left of the total cap."


class CallCountExceeded(SpendRefusal):
    code = "call_count_exceeded"
    message = "This call does not fit into what is left of today's number of calls."


class IssuerCapExceeded(SpendRefusal):
    code = "issuer_cap_exceeded"
    message = "This call could cost more than what is left today over all keys of the issuer."


class RateLimited(Refusal):
    """Facts carry `retry_after_s`; the only refusal that sends Retry-After."""

    status, code, retry = 429, "rate_limited", True
    message = "Too many calls in a short time."


class VendorUnreachable(Refusal):
    """Nothing was sent, nothing is counted. Facts: `stage` lookup when it was a lookup that
    failed."""

    status, code = 502, "vendor_unreachable"
    message = "The vendor could not be reached. Nothing was sent, nothing is counted."


class VendorRedirected(Refusal):
    status, code = 502, "vendor_redirected"
    message = (
        "The vendor answered with a redirect, which is never followed. "
        "A metered call counts in full."
    )


class VendorBrokeOff(Refusal):
    status, code = 502, "vendor_broke_off"
    message = (
        "The vendor's answer broke off. "
        "What the call may have cost counts in full until it is known."
    )


class LedgerUnavailable(Refusal):
    status, code = 503, "ledger_unavailable"
    message = "The ledger cannot record a hold, so nothing is forwarded."


class Draining(Refusal):
    status, code, close = 503, "draining", True
    message = "This instance is shutting down."


class VendorTimeout(Refusal):
    status, code = 504, "vendor_timeout"
    message = (
        "The vendor did not answer in time. "
        "What the call may have cost counts in full until it is known."
    )


class AdminRefusal(Refusal):
    """The admin side's own refusals: RFC 9457 problem documents."""


class AdminKeyMissing(AdminRefusal):
    status, code = 401, "admin_key_missing"
    message = "Send the admin key: 'Authorization: Bearer kb_admin_…'."


class AdminKeyUnknown(AdminRefusal):
    status, code = 401, "admin_key_unknown"
    message = "This is no admin key, issuer key or vault key of this gateway."


class AdminForbidden(AdminRefusal):
    status, code = 403, "admin_forbidden"
    message = "This key may not do that."


class InvalidRequest(AdminRefusal):
    """Facts carry `errors`: a list of {field, problem}."""

    status, code = 400, "invalid_request"
    message = "The request has mistakes."


class NotFound(AdminRefusal):
    status, code = 404, "not_found"
    message = "There is no such thing."


class AdminConflict(AdminRefusal):
    status, code = 409, "idempotency_conflict"
    message = "This Idempotency-Key was used for another request."


class BackupRunning(AdminRefusal):
    status, code = 409, "backup_running"
    message = "A backup is being made already."


class BackupFailed(AdminRefusal):
    status, code = 503, "backup_failed"
    message = "No backup was made."


class IdempotencyAnswerLost(AdminRefusal):
    """Facts carry the `id` of what the first request made."""

    status, code = 409, "idempotency_answer_lost"
    message = (
        "The first request with this Idempotency-Key went through before a restart; "
        "its answer, with the secret, is gone."
    )
