"""Stand-ins for the vendors: they behave as the real APIs do, and worse on request.

A sandbox is a process of its own and keeps the vendor's side of the story: what was really charged,
which requests arrived with which headers. Tests compare that with what the gateway says. It can be
told through `/_sandbox/…` to be slow, to break off in the middle, to answer with nonsense.
`python -m bench.sandbox stripe` (or twilio, resend) starts one; nothing in `gateway` imports it.
"""
