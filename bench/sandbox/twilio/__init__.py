"""A stateful Twilio of our own, as far as a spend gateway can tell: what it accepts, what it says
about prices and when, and what it bills.

`api.py` is the door (credentials, products, form fields, JSON or XML), `world.py` what one account
owns and how time passes in it, `prices.py` its price list; the other files hold one resource each.
It knows nothing of the gateway's own tables: segments are counted and prices are found its own way.
"""
