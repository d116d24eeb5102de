"""Every error the sandbox answers, in Stripe's shape and with Stripe's words.

Wording as recorded in public projects and in the official SDKs' documentation strings.
"""

from __future__ import annotations

from typing import Any

from bench.sandbox.wire import Obj

DOCS = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """status: HTTP. body: the `error` object. headers: more of them on the answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body: Obj = {"message": message, "type": kind}
        if code is not None:
            self.body["code"] = code
            self.body["doc_url"] = DOCS + code.replace("_", "-")
        self.body.update({name: value for name, value in more.items() if value is not None})


def no_key() -> StripeError:
    return StripeError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization "
        "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        headers=((b"WWW-Authenticate", b'Bearer realm="Stripe"'),),
    )


def bad_key(key: str) -> StripeError:
    shown = f"{key[:8]}{'*' * 4}{key[-4:]}" if len(key) > 12 else "*" * len(key)
    return StripeError(
        401,
        f"Invalid API Key provided: {shown}",
        headers=((b"WWW-Authenticate", b'Bearer realm="Stripe"'),),
    )


def unknown_url(method: str, path: str) -> StripeError:
    return StripeError(
        404,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we "
        "can help at https://support.stripe.com/.",
    )


def wrong_content_type(media: str) -> StripeError:
    if media == "application/json":
        return StripeError(
            400,
            "Invalid request (check that your POST content type is "
            "application/x-www-form-urlencoded). If you have any questions, we can help at "
            "https://support.stripe.com/.",
        )
    return StripeError(
        400,
        f"Invalid request: unsupported Content-Type {media}. If error persists and you need "
        "assistance, please contact support@stripe.com.",
    )


def missing(param: str) -> StripeError:
    return StripeError(
        400, f"Missing required param: {param}.", code="parameter_missing", param=param
    )


def unknown(param: str) -> StripeError:
    return StripeError(
        400, f"Received unknown parameter: {param}", code="parameter_unknown", param=param
    )


def empty(param: str) -> StripeError:
    return StripeError(
        400,
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset "
        f"a parameter; however '{param}' cannot be unset. You should remove '{param}' from your "
        "request or supply a non-empty value.",
        code="parameter_invalid_empty",
        param=param,
    )


def invalid(what: str, param: str, value: object, code: str | None = None) -> StripeError:
    return StripeError(400, f"Invalid {what}: {value}", code=code, param=param)


def no_such(kind: str, object_id: str, param: str = "id", status: int = 404) -> StripeError:
    """404 for an id in the path, 400 for one in a parameter."""
    return StripeError(
        status, f"No such {kind}: '{object_id}'", code="resource_missing", param=param
    )


def unexpected_state(intent: Obj, doing: str, allowed: tuple[str, ...]) -> StripeError:
    return StripeError(
        400,
        f"This PaymentIntent could not be {doing} because it has a status of {intent['status']}. "
        f"Only a PaymentIntent with one of the following statuses may be {doing}: "
        f"{', '.join(allowed)}.",
        code="payment_intent_unexpected_state",
        payment_intent=intent,
    )


def key_reused(key: str) -> StripeError:
    return StripeError(
        400,
        "Keys for idempotent requests can only be used with the same parameters they were first "
        f"used with. Try using a key other than '{key}' if you meant to execute a different "
        "request.",
        kind="idempotency_error",
    )


def key_in_use(key: str) -> StripeError:
    return StripeError(
        409,
        "There is currently another in-progress request using this Idempotent Key (that probably "
        f"means you submitted twice, and the other request is still going through): {key}. Please "
        "try again later.",
        kind="idempotency_error",
        code="idempotency_key_in_use",
    )
