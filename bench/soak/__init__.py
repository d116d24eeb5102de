"""An hour of everything at once on a gateway whose days pass in minutes: `python -m bench.soak`."""
