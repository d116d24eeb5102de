"""A stateful Stripe of our own: version 2026-10-28.endive as far as a spend gateway can tell.

`api.py` is the door (auth, routes, parameters, idempotency), `world.py` what one account owns,
`payments.py` where payers are charged; the other files hold one resource each.
"""
