"""A stateful Resend of our own, as far as a spend gateway can tell.

`api.py` is the door (edge, key, limits, idempotency), `world.py` what one team owns and has sent,
`mail.py` reads a mail, `emails.py` sends it; the other files hold the other resources.
"""
