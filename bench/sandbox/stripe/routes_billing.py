"""Endpoints of billing: what can be bought, invoices, subscriptions, quotes, hosted pages."""

from __future__ import annotations

from typing import Any, Final

from bench.sandbox.stripe import (
    catalog,
    checkout,
    collection,
    customers,
    discounts,
    invoice_terms,
    invoiceitems,
    invoices,
    items_on_drafts,
    lists,
    params,
    previews,
    quotes,
    reads,
    schedules,
    subscriptions,
    usage,
)  # fmt: skip
from bench.sandbox.stripe import subscription_changes as changes
from bench.sandbox.stripe import subscription_terms as terms
from bench.sandbox.stripe.endpoint import Endpoint, endpoints


def _catalog() -> dict[str, tuple[Any, ...]]:
    return {
        "POST products": (catalog.create_product, catalog.PRODUCT, ("name",)),
        "GET products": (lists.lister("product"), lists.LIST),
        "GET products/search": (reads.searcher("product"), reads.SEARCH, ("query",)),
        "GET products/*": (lists.getter("product"), lists.PLAIN),
        "POST products/*": (catalog.update_product, catalog.UPDATE_PRODUCT),
        "DELETE products/*": (catalog.delete_product, lists.PLAIN),
        "POST prices": (catalog.create_price, catalog.PRICE, ("currency",)),
        "GET prices": (
            lists.lister("price", "product", "type"), lists.spec("product", "type"),
        ),
        "GET prices/search": (reads.searcher("price"), reads.SEARCH, ("query",)),
        "GET prices/*": (lists.getter("price"), lists.PLAIN),
        "POST prices/*": (catalog.update_price, catalog.UPDATE_PRICE),
        "POST plans": (catalog.create_plan, catalog.PLAN, ("currency", "interval")),
        "GET plans": (lists.lister("plan", "product"), lists.spec("product")),
        "GET plans/*": (lists.getter("plan"), lists.PLAIN),
        "POST plans/*": (catalog.update_plan, catalog.PLAN),
        "DELETE plans/*": (catalog.delete_plan, lists.PLAIN),
        "POST coupons": (discounts.create_coupon, discounts.COUPON),
        "GET coupons": (lists.lister("coupon"), lists.LIST),
        "GET coupons/*": (lists.getter("coupon"), lists.PLAIN),
        "POST coupons/*": (discounts.update_coupon, discounts.UPDATE_COUPON),
        "DELETE coupons/*": (discounts.delete_coupon, lists.PLAIN),
        "POST promotion_codes": (discounts.create_promotion_code, discounts.PROMOTION_CODE),
        "GET promotion_codes": (lists.lister("promotion_code", "code"), lists.spec("code")),
        "GET promotion_codes/*": (lists.getter("promotion_code"), lists.PLAIN),
        "POST tax_rates": (
            discounts.create_tax_rate, discounts.TAX_RATE,
            ("display_name", "inclusive", "percentage"),
        ),
        "GET tax_rates": (lists.lister("tax_rate"), lists.LIST),
        "GET tax_rates/*": (lists.getter("tax_rate"), lists.PLAIN),
        "POST billing/meters": (
            usage.create_meter, usage.METER,
            ("default_aggregation", "display_name", "event_name"),
        ),
        "GET billing/meters/*": (lists.getter("billing.meter"), lists.PLAIN),
        "POST billing/meter_events": (usage.report, usage.EVENT, ("event_name", "payload")),
        "POST subscription_items/*/usage_records": (usage.record, usage.RECORD),
        "POST customers/*/balance_transactions": (
            customers.create_balance_transaction, customers.BALANCE, ("amount", "currency"),
        ),
        "GET customers/*/balance_transactions": (customers.list_balance_transactions, lists.LIST),
        "GET customers/*/balance_transactions/*": (
            customers.retrieve_balance_transaction, lists.PLAIN,
        ),
    }  # fmt: skip


def _invoices() -> dict[str, tuple[Any, ...]]:
    return {
        "POST invoiceitems": (items_on_drafts.create, invoiceitems.CREATE),
        "GET invoiceitems": (
            items_on_drafts.listing,
            {**lists.spec("customer", "invoice"), "pending": params.boolean},
        ),
        "GET invoiceitems/*": (lists.getter("invoiceitem"), lists.PLAIN),
        "POST invoiceitems/*": (items_on_drafts.update, invoiceitems.UPDATE),
        "DELETE invoiceitems/*": (items_on_drafts.delete, lists.PLAIN),
        "POST invoices": (invoices.create, invoice_terms.CREATE),
        "GET invoices": (
            invoices.listing,
            lists.spec("customer", "status", "subscription", "collection_method"),
        ),
        "GET invoices/search": (reads.searcher("invoice"), reads.SEARCH, ("query",)),
        "POST invoices/create_preview": (previews.create, invoice_terms.PREVIEW),
        "GET invoices/*": (lists.getter("invoice"), lists.PLAIN),
        "POST invoices/*": (invoices.update, invoice_terms.UPDATE),
        "DELETE invoices/*": (invoices.delete, lists.PLAIN),
        "POST invoices/*/add_lines": (invoices.add_lines, invoice_terms.ADD_LINES, ("lines",)),
        "POST invoices/*/update_lines": (
            invoices.update_lines, invoice_terms.ADD_LINES, ("lines",),
        ),
        "POST invoices/*/remove_lines": (
            invoices.remove_lines, invoice_terms.ADD_LINES, ("lines",),
        ),
        "GET invoices/*/lines": (invoices.list_lines, lists.LIST),
        "POST invoices/*/lines/*": (invoices.update_line, invoice_terms.UPDATE_LINE),
        "POST invoices/*/attach_payment": (collection.attach, invoice_terms.ATTACH),
        "POST invoices/*/finalize": (collection.finalize, invoice_terms.FINALIZE),
        "POST invoices/*/mark_uncollectible": (collection.mark_uncollectible, lists.PLAIN),
        "POST invoices/*/pay": (collection.pay, invoice_terms.PAY),
        "POST invoices/*/send": (collection.send, lists.PLAIN),
        "POST invoices/*/void": (collection.void, lists.PLAIN),
        "GET invoice_payments": (lists.lister("invoice_payment", "invoice"), lists.spec("invoice")),
        "GET invoice_payments/*": (lists.getter("invoice_payment"), lists.PLAIN),
    }  # fmt: skip


def _subscriptions() -> dict[str, tuple[Any, ...]]:
    return {
        "POST subscriptions": (subscriptions.create, terms.CREATE, ("customer",)),
        "GET subscriptions": (
            subscriptions.listing, lists.spec("customer", "status", "collection_method"),
        ),
        "GET subscriptions/search": (reads.searcher("subscription"), reads.SEARCH, ("query",)),
        "GET subscriptions/*": (lists.getter("subscription"), lists.PLAIN),
        "POST subscriptions/*": (changes.update, terms.UPDATE),
        "DELETE subscriptions/*": (changes.cancel, terms.CANCEL),
        "POST subscriptions/*/resume": (changes.resume, terms.RESUME),
        "POST customers/*/subscriptions": (changes.create_for_customer, terms.CREATE),
        "POST customers/*/subscriptions/*": (changes.of_customer(changes.update), terms.UPDATE),
        "DELETE customers/*/subscriptions/*": (changes.of_customer(changes.cancel), terms.CANCEL),
        "POST subscription_items": (changes.create_item, terms.CREATE_ITEM, ("subscription",)),
        "GET subscription_items": (
            changes.list_items, lists.spec("subscription"), ("subscription",),
        ),
        "GET subscription_items/*": (lists.getter("subscription_item"), lists.PLAIN),
        "POST subscription_items/*": (changes.update_item, terms.ITEM),
        "DELETE subscription_items/*": (changes.delete_item, terms.DELETE_ITEM),
        "POST subscription_schedules": (schedules.create, schedules.CREATE),
        "GET subscription_schedules": (
            lists.lister("subscription_schedule", "customer"), lists.spec("customer"),
        ),
        "GET subscription_schedules/*": (schedules.retrieve, lists.PLAIN),
        "POST subscription_schedules/*": (schedules.update, schedules.UPDATE),
        "POST subscription_schedules/*/cancel": (schedules.cancel, schedules.CANCEL),
        "POST subscription_schedules/*/release": (schedules.release, schedules.RELEASE),
        "POST quotes": (quotes.create, quotes.UPDATE),
        "GET quotes": (
            lists.lister("quote", "customer", "status"), lists.spec("customer", "status"),
        ),
        "GET quotes/*": (lists.getter("quote"), lists.PLAIN),
        "POST quotes/*": (quotes.update, quotes.UPDATE),
        "POST quotes/*/finalize": (quotes.finalize, quotes.FINALIZE),
        "POST quotes/*/accept": (quotes.accept, lists.PLAIN),
        "POST quotes/*/cancel": (quotes.cancel, lists.PLAIN),
        "GET quotes/*/line_items": (quotes.list_line_items, lists.LIST),
    }  # fmt: skip


def _pages() -> dict[str, tuple[Any, ...]]:
    session_filters = ("customer", "payment_intent", "payment_link", "status", "subscription")
    return {
        "POST checkout/sessions": (checkout.create, checkout.CREATE),
        "GET checkout/sessions": (
            lists.lister("checkout.session", *session_filters, url="/v1/checkout/sessions"),
            lists.spec(*session_filters),
        ),
        "GET checkout/sessions/*": (lists.getter("checkout.session"), lists.PLAIN),
        "POST checkout/sessions/*": (checkout.update, checkout.UPDATE),
        "POST checkout/sessions/*/expire": (checkout.expire, lists.PLAIN),
        "GET checkout/sessions/*/line_items": (checkout.line_items, lists.LIST),
        "POST payment_links": (checkout.create_link, checkout.LINK, ("line_items",)),
        "GET payment_links": (
            lists.lister("payment_link"), {**lists.LIST, "active": params.boolean},
        ),
        "GET payment_links/*": (lists.getter("payment_link"), lists.PLAIN),
        "POST payment_links/*": (checkout.update_link, checkout.UPDATE_LINK),
        "GET payment_links/*/line_items": (checkout.link_items, lists.LIST),
    }  # fmt: skip


ENDPOINTS: Final[dict[str, Endpoint]] = endpoints(
    {**_catalog(), **_invoices(), **_subscriptions(), **_pages()}
)
