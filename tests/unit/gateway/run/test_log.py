"""One line per event, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging

import pytest

from gateway.run import log

pytestmark = pytest.mark.usefixtures("no_secrets", "logging_put_back")


def lines(form: str, level: str = "info") -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    return log.set_up(level, form, stream), stream


def test_a_json_line_has_time_level_event_and_facts() -> None:
    logger, stream = lines("json")
    logger.warning("vendor %s", "unreachable", extra={"vendor": "stripe", "tries": 2, "event": "x"})
    told = json.loads(stream.getvalue())
    assert told.pop("at").endswith("Z")
    assert told == {
        "level": "warning",
        "event": "vendor unreachable",
        "vendor": "stripe",
        "tries": 2,
    }


def test_a_text_line_reads_from_left_to_right() -> None:
    logger, stream = lines("text")
    logger.info("serving", extra={"address": "127.0.0.1:8080"})
    assert stream.getvalue()[8:] == " info     serving  address=127.0.0.1:8080\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_auto_is_text_on_a_terminal_only() -> None:
    logger, stream = lines("auto")
    logger.info("x")
    assert stream.getvalue().startswith("{")
    stream = Terminal()
    log.set_up("info", "auto", stream).info("x")
    assert not stream.getvalue().startswith("{")


def test_levels() -> None:
    logger, stream = lines("text", "warning")
    logger.info("no")
    logging.getLogger("library").info("no")
    logging.getLogger("library").warning("yes")
    assert stream.getvalue().count("\n") == 1


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_line_stays_a_line(form: str) -> None:
    logger, stream = lines(form)
    logger.info("a\nb\r\x1b[31m\x7f\x9b\u2028\u202e", extra={"path": "/x\ny\x00"})
    told = stream.getvalue()
    assert told.count("\n") == 1
    assert not set(told[:-1]) & {chr(code) for code in (*range(32), 0x7F, 0x9B, 0x2028, 0x202E)}
    if form == "json":
        assert json.loads(told)["event"] == "a\nb\r\x1b[31m\x7f\x9b\u2028\u202e"


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_0123456789",
        "rk_test_0123456789",
        "vault_key_0123456789abcdefghijklmnopqrstuvwxyz",
        "kb_admin_0123456789",
        "kb_issuer_0123456789",
        "whsec_0123456789",
        "Bearer 0123456789abc",
        "basic MDEyMzQ1Njc4OQ==",
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_what_has_the_form_of_a_secret_is_hidden(form: str, secret: str) -> None:
    logger, stream = lines(form)
    try:
        raise ValueError(f"in a traceback: {secret}")
    except ValueError:
        logger.exception("in a message: %s", secret, extra={"fact": {"deep": [secret]}})
    told = stream.getvalue()
    assert "0123456789" not in told
    assert "MDEyMzQ1Njc4OQ" not in told
    assert told.count(log.HIDDEN) >= 3


def test_a_registered_secret_is_hidden_whatever_its_form() -> None:
    log.register_secret('odd"secret\\value')
    log.register_secret("short")
    for form in ("json", "text"):
        logger, stream = lines(form)
        logger.info('x odd"secret\\value short')
        assert "odd" not in stream.getvalue()
        assert "short" in stream.getvalue()


def test_ids_and_ordinary_words_are_not_hidden() -> None:
    text = "vk_01jabc pi_123 bearer of news, task_live_x basic rules"
    assert log.redact(text) == text


def test_a_fact_that_is_no_json_is_told_as_text() -> None:
    logger, stream = lines("json")
    logger.info("x", extra={"what": {1}, "key": object})
    assert json.loads(stream.getvalue())["what"] == "{1}"


def test_a_broken_stream_stops_nobody() -> None:
    logger, stream = lines("json")
    stream.close()
    logger.info("x")


def test_setting_up_again_keeps_the_way_and_what_waits_on_it() -> None:
    _, stream = lines("json")
    way, _ = log.way()
    assert log.set_up("info", "text", stream) is logging.getLogger(log.NAME)
    assert log.way() == (way, True)
    lines("json")
    assert log.way()[0] is not way


def test_without_a_set_up_lines_go_to_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(log, "_way", None)
    way, as_text = log.way()
    way.write(b"here\n")
    assert (capsys.readouterr().err, as_text) == ("here\n", False)


def test_what_cannot_be_formatted_stops_nobody() -> None:
    logger, stream = lines("json")
    logger.info("%d", "no number")
    logger.info("next")
    logging.shutdown([lambda: logging.getLogger().handlers[0]])
    assert stream.getvalue().count("next") == 1
