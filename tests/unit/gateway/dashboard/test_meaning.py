"""Every code and state is explained, and the codes as the README explains them."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.dashboard.meaning import CODES, STATES
from gateway.dashboard.wishes import STATES as ASKED

README = (Path(__file__).parents[4] / "README.md").read_text()


def test_a_code_means_what_the_readme_says() -> None:
    table = README[README.index("<!-- errors:") : README.index("The admin side answers with")]
    rows = re.findall(r"(?m)^\| \d{3} \| `(\w+)` \| (.+) \| (.+) \|$", table)
    told = {code: (means, re.sub(r" \(\[.*?\]\(.*?\)\)", "", do)) for code, means, do in rows}
    assert {code: (found.means, found.do) for code, found in CODES.items()} == told


def test_every_state_is_explained() -> None:
    assert set(STATES) == set(ASKED)
