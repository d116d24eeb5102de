"""Counting recipients; test_vectors has the many addresses."""

from __future__ import annotations

import pytest

from vendors.contract import Unreadable
from vendors.resend.catalogue import NAMES
from vendors.resend.recipients import (
    ADDRESS_CHARS_MAX,
    FIELDS_MAX,
    KEPT_CHARS_MAX,
    NAME_CHARS_MAX,
    TEXT_CHARS_MAX,
    Gathered,
    check_address,
    check_member,
    check_name,
    count,
)

KNOWN = NAMES["emails/send"]


def test_recipients_are_counted() -> None:
    mail = Gathered(strict=False)
    mail.add("to", "to[0]", "a@x.example")
    mail.add("bcc", "bcc[0]", "b@x.example")
    mail.add("reply_to", "reply_to[0]", "c@x.example")
    mail.add("tobacco", "tobacco", "d@x.example")
    assert mail.recipients == count(mail.fields) == 2
    mail.check_addressed()


def test_nobody_is_a_recipient_of_what_is_no_mail() -> None:
    other = Gathered(strict=False, mail=False)
    other.add("to", "to[any]", "thing")
    assert other.recipients == 0


def test_an_object_is_no_list_of_recipients() -> None:
    """`{"0": …}` would pass for one."""
    with pytest.raises(Unreadable, match=r"cc: must be a string or a list"):
        Gathered(strict=False).check_no_object("cc")
    Gathered(strict=False).check_no_object("tags")
    Gathered(strict=False, mail=False).check_no_object("to")


@pytest.mark.parametrize("name", ["Bcc", "cc", "TO", "Resent-To", "b-c c", "Ｂcc", "Bcc][x"])
def test_the_mails_own_headers_name_no_recipient(name: str) -> None:
    """Some mail server may write to whoever stands there, and nobody would have counted them."""
    for text in ("x@example.com", "x" * (TEXT_CHARS_MAX + 1)):
        with pytest.raises(Unreadable, match="recipients stand in to, cc and bcc"):
            Gathered(strict=False).add("headers", f"headers[{name}]", text)
    with pytest.raises(Unreadable):
        Gathered(strict=False).leave_out("headers", f"headers[{name}]")
    mail = Gathered(strict=False)
    mail.add("headers", "headers[X-To-Do]", "x")
    assert mail.recipients == 0


def test_there_may_be_a_most() -> None:
    mail = Gathered(strict=False, most=1)
    mail.add("to", "to[0]", "a@x.example")
    with pytest.raises(Unreadable, match="to: more than 1 recipients"):
        mail.add("cc", "cc[0]", "a@x.example")


def test_values_have_an_end() -> None:
    mail = Gathered(strict=False)
    for n in range(FIELDS_MAX):
        mail.add("x", f"x[{n}]", "")
    with pytest.raises(Unreadable, match="values"):
        mail.add("y", "y", "")


def test_all_texts_together_have_an_end() -> None:
    mail = Gathered(strict=False)
    for n in range(KEPT_CHARS_MAX // TEXT_CHARS_MAX):
        mail.add("x", f"x[{n}]", "x" * TEXT_CHARS_MAX)
    with pytest.raises(Unreadable, match="characters beside attachments"):
        mail.add("y", "y", "y")


def test_a_long_text_is_left_out_unless_rules_may_be_about_it() -> None:
    long = "x" * (TEXT_CHARS_MAX + 1)
    mail = Gathered(strict=False)
    mail.add("html", "html", long)
    assert mail.fields == {}
    strict = Gathered(strict=True)
    strict.add("attachments", "attachments[0][content]", long)
    assert strict.fields == {}
    with pytest.raises(Unreadable, match="html: longer than"):
        strict.add("html", "html", long)


def test_a_recipient_is_never_left_out() -> None:
    mail = Gathered(strict=False)
    with pytest.raises(Unreadable, match="longer than"):
        mail.add("to", "to[0]", "x" * (TEXT_CHARS_MAX + 1))
    with pytest.raises(Unreadable, match="longer than"):
        mail.leave_out("to", "to[0]")


def test_the_longest_address() -> None:
    name = "x" * (ADDRESS_CHARS_MAX - len(" <a@x.example>"))
    check_address("to[0]", f"{name} <a@x.example>")
    with pytest.raises(Unreadable, match="longer"):
        check_address("to[0]", f"{name}x <a@x.example>")


def test_an_address_costs_one_look_however_it_is_written() -> None:
    for text in (" " * 990, "<" * 990, "a" * 500 + "@" + "a" * 498, '"' * 990, " @" * 490):
        with pytest.raises(Unreadable):
            check_address("to[0]", text + " ,")


def test_members() -> None:
    check_member("to", KNOWN)
    check_member("something_new", KNOWN)
    with pytest.raises(Unreadable, match="write to, exactly so"):
        check_member("T-O", KNOWN)
    with pytest.raises(Unreadable, match="not a parameter"):
        check_member("something_new", KNOWN, only=True)


def test_names_have_an_end() -> None:
    check_name("a", "a" * NAME_CHARS_MAX)
    with pytest.raises(Unreadable, match="250"):
        check_name("a", "a" * (NAME_CHARS_MAX + 1))
