"""How many entries each class has: `python -m tests.corpus`."""

from __future__ import annotations

from collections import Counter

from tests.corpus.entries import corpus

if __name__ == "__main__":
    counts = Counter(entry.kind for entry in corpus())
    for kind, count in counts.items():
        print(f"{count:5}  {kind}")
    print(f"{counts.total():5}  in all")
