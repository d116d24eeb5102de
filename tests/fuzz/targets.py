"""Every target by its name."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz import answers, books, framing, policies, vendorwords
from tests.fuzz.tape import Target

TARGETS: Mapping[str, Target] = {
    target.name: target
    for wing in (framing, answers, vendorwords, books, policies)
    for target in wing.TARGETS
}
