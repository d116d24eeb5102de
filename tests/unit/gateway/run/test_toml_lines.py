"""Lines of settings, however they are written."""

from __future__ import annotations

from gateway.run.toml_lines import locate

TEXT = '''# words
top = 1

[a]
b = [
    "x",  # b goes on
    "[not.a.table]",
]
c = """
d = 1
"""
"e.f" = 2
g.h = 3
i = {j = 4, k.l = 5}

[a.m . "n o"]
p = 6
[[q]]
r = 7
'''


def test_each_setting_has_its_line() -> None:
    assert locate(TEXT) == {
        ("top",): 2,
        ("a",): 4,
        ("a", "b"): 5,
        ("a", "c"): 9,
        ("a", "e.f"): 12,
        ("a", "g"): 13,
        ("a", "g", "h"): 13,
        ("a", "i"): 14,
        ("a", "i", "j"): 14,
        ("a", "i", "k"): 14,
        ("a", "i", "k", "l"): 14,
        ("a", "m"): 16,
        ("a", "m", "n o"): 16,
        ("a", "m", "n o", "p"): 17,
        ("q",): 18,
        ("q", "r"): 19,
    }


def test_windows_line_ends_and_no_end_at_all() -> None:
    assert locate("a = 1\r\n\r\nb = 2") == {("a",): 1, ("b",): 3}


def test_what_ends_a_line_elsewhere_ends_none_here() -> None:
    """Python knows more ends of lines than TOML does."""
    assert locate("# a \u2028] b \x85 [c\na = 1\n") == {("a",): 2}
