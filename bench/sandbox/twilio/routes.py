"""Twilio's table of endpoints: product, method and path to the function that answers.

`*` stands for one segment, whose value the handler gets; paths of the 2010 API are below
`/2010-04-01` and without their suffix. The account that such a path names is no id: it is found
before the handler is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.sandbox.twilio import accounts, calls, lookups, messages, numbers, services, verify
from bench.sandbox.twilio.asked import Asked
from bench.sandbox.twilio.errors import method_not_allowed, not_found
from bench.sandbox.wire import Obj

Handler = Callable[[Asked], Obj | None]
"""None: 204."""

SUCCESS: Final = {"POST": 201, "GET": 200, "DELETE": 204}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """status: of success. owner_only: no API key may ask."""

    handler: Handler
    status: int
    owner_only: bool = False


class Routes:
    """All endpoints of a sandbox."""

    __slots__ = ("_table",)

    def __init__(self, register: accounts.Register) -> None:
        self._table: dict[tuple[str, int], list[tuple[tuple[str, ...], str, Endpoint]]] = {}
        self._add_api()
        self._add_accounts(register)
        self._add_products()

    def find(self, product: str, method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
        """The endpoint, and what stood in place of each `*`. path: without suffix. Raises
        TwilioError."""
        parts = tuple(path.strip("/").split("/"))
        is_known = False
        for pattern, its_method, endpoint in self._table.get((product, len(parts)), ()):
            if all(want in ("*", part) for want, part in zip(pattern, parts, strict=True)):
                if its_method == method:
                    pairs = zip(pattern, parts, strict=True)
                    return endpoint, tuple(part for want, part in pairs if want == "*" and part)
                is_known = True
        raise method_not_allowed(method) if is_known else not_found(path)

    def _add(
        self, where: str, handler: Handler, status: int = 0, *, owner_only: bool = False
    ) -> None:
        """where: `POST verify/v2/Services`."""
        method, _, target = where.partition(" ")
        product, *pattern = target.split("/")
        endpoint = Endpoint(handler, status or SUCCESS[method], owner_only)
        rows = self._table.setdefault((product, len(pattern)), [])
        rows.append((tuple(pattern), method, endpoint))

    def _add_api(self) -> None:
        account = "api/2010-04-01/Accounts/*"
        for name, lister in (
            ("Messages", messages.lister),
            ("SMS/Messages", messages.legacy_lister),
        ):
            self._add(f"POST {account}/{name}", messages.create)
            self._add(f"GET {account}/{name}", lister)
            self._add(f"GET {account}/{name}/*", messages.fetch)
            self._add(f"POST {account}/{name}/*", messages.update, 200)
            self._add(f"DELETE {account}/{name}/*", messages.delete)
        self._add(f"POST {account}/Calls", calls.create)
        self._add(f"GET {account}/Calls", calls.lister)
        self._add(f"GET {account}/Calls/*", calls.fetch)
        self._add(f"POST {account}/Calls/*", calls.update, 200)
        self._add(f"DELETE {account}/Calls/*", calls.delete)
        self._add(f"POST {account}/Conferences/*/Participants", calls.participate)
        owned = f"{account}/IncomingPhoneNumbers"
        self._add(f"POST {owned}", numbers.buyer(None))
        self._add(f"GET {owned}", numbers.lister(None))
        for kind, name in numbers.KINDS.items():
            self._add(f"POST {owned}/{kind}", numbers.buyer(name))
            self._add(f"GET {owned}/{kind}", numbers.lister(name))
        self._add(f"GET {owned}/*", numbers.fetch)
        self._add(f"POST {owned}/*", numbers.update, 200)
        self._add(f"DELETE {owned}/*", numbers.delete)
        self._add(f"GET {account}/AvailablePhoneNumbers", numbers.countries)
        self._add(f"GET {account}/AvailablePhoneNumbers/*/*", numbers.available)

    def _add_accounts(self, register: accounts.Register) -> None:
        everyone = "api/2010-04-01/Accounts"
        account = f"{everyone}/*"
        self._add(f"GET {everyone}", accounts.lister(register), owner_only=True)
        self._add(f"POST {everyone}", accounts.maker(register), owner_only=True)
        self._add(f"GET {account}", accounts.fetch, owner_only=True)
        self._add(f"POST {account}", accounts.update, 200, owner_only=True)
        for name in ("Keys", "SigningKeys"):
            self._add(f"GET {account}/{name}", accounts.list_keys, owner_only=True)
            self._add(f"POST {account}/{name}", accounts.make_key, owner_only=True)
            self._add(f"DELETE {account}/{name}/*", accounts.delete_key, owner_only=True)
        self._add(f"POST {account}/Tokens", accounts.make_token)
        self._add(f"GET {account}/Balance", accounts.balance)
        self._add(f"GET {account}/Usage/Records", accounts.usage)
        self._add(f"GET {account}/Usage/Records/*", accounts.usage)

    def _add_products(self) -> None:
        self._add("GET verify/v2/Services", verify.list_services)
        self._add("POST verify/v2/Services", verify.create_service)
        self._add("GET verify/v2/Services/*", verify.fetch_service)
        self._add("POST verify/v2/Services/*/Verifications", verify.create)
        self._add("GET verify/v2/Services/*/Verifications/*", verify.fetch)
        self._add("POST verify/v2/Services/*/Verifications/*", verify.update, 200)
        self._add("POST verify/v2/Services/*/VerificationCheck", verify.check)
        self._add("GET lookups/v2/PhoneNumbers/*", lookups.fetch)
        self._add("POST lookups/v2/batch/query", lookups.batch, 200)
        self._add("GET lookups/v1/PhoneNumbers/*", lookups.fetch_v1)
        self._add("GET messaging/v1/Services", services.lister)
        self._add("POST messaging/v1/Services", services.create)
        self._add("GET messaging/v1/Services/*", services.fetch)
        self._add("POST messaging/v1/Services/*", services.update, 200)
        self._add("DELETE messaging/v1/Services/*", services.delete)
        self._add("GET pricing/v1/Messaging/Countries", services.countries)
        self._add("GET pricing/v1/Messaging/Countries/*", services.country)
        self._add("POST studio/v2/Flows/*/Executions", services.execute_flow)
