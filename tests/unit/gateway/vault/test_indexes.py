"""Keys by their secrets and by their budgets, and two secrets with one mark."""

from __future__ import annotations

from gateway.vault.allowlist import Allowlist
from gateway.vault.indexes import ByBudget, BySecret
from gateway.vault.keys import Key
from gateway.vault.secrets import mark
from gateway.vault.terms import Terms

HASHES = {"vk_1": b"\x01" * 32, "vk_2": b"\x02" * 32, "vk_3": b"\x01" * 31 + b"\x03"}


class Sleepers:
    """Wakes keys, and remembers which."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def known(self, key_id: str) -> Key:
        self.woken.append(key_id)
        terms = Terms(key_id, "stripe", "default", Allowlist.parse(["GET /v1/charges"]), 5, 0, None)
        return Key(terms, HASHES[key_id])


def found(index: BySecret, hashed: bytes) -> str | None:
    key = index.find(hashed)
    return None if key is None else key.terms.key_id


def test_a_key_is_found_by_its_whole_hash_alone() -> None:
    sleepers = Sleepers()
    index = BySecret(sleepers.known)
    index.add(HASHES["vk_1"], "vk_1")
    index.add(HASHES["vk_2"], "vk_2")
    assert found(index, HASHES["vk_1"]) == "vk_1"
    assert found(index, HASHES["vk_1"]) == "vk_1"
    assert sleepers.woken == ["vk_1"]  # it stays awake
    assert found(index, HASHES["vk_3"]) is None  # the mark is that of vk_1
    assert found(index, b"\x04" * 32) is None


def test_two_secrets_with_one_mark_are_two_keys() -> None:
    sleepers = Sleepers()
    index = BySecret(sleepers.known)
    assert mark(HASHES["vk_1"]) == mark(HASHES["vk_3"])
    assert index.claim(mark(HASHES["vk_1"]), "vk_1")
    assert not index.claim(mark(HASHES["vk_3"]), "vk_3")
    index.add_twin(HASHES["vk_3"], "vk_3")
    for _ in range(2):
        assert found(index, HASHES["vk_3"]) == "vk_3"
    assert found(index, HASHES["vk_1"]) == "vk_1"
    assert sleepers.woken.count("vk_3") == 1  # it stays awake
    assert found(index, b"\x01" * 30 + b"\x09" * 2) is None


def test_a_later_twin_is_put_beside_the_first() -> None:
    index = BySecret(Sleepers().known)
    index.add(HASHES["vk_1"], "vk_1")
    index.add(HASHES["vk_3"], "vk_3")
    assert [found(index, HASHES[name]) for name in ("vk_1", "vk_3")] == ["vk_1", "vk_3"]


def test_budgets_of_any_number_have_their_keys_in_order() -> None:
    index, far = ByBudget(), (3 << 40) + 5
    for account_id, key_id in ((far, "vk_4"), (2_000, "vk_3"), (1, "vk_1"), (1, "vk_2")):
        index.join(account_id, key_id)
    index.join(1, "vk_9")
    assert index.ids(1) == ["vk_1", "vk_2", "vk_9"]
    assert index.ids(2_000) == ("vk_3",)
    assert index.ids(2) == index.ids(1 << 40) == ()
    assert list(index.all_ids()) == ["vk_1", "vk_2", "vk_9", "vk_3", "vk_4"]
