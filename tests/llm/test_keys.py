"""No key is written anywhere, whatever writes."""

import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.errors import UserError
from firsthand.llm import keys


@pytest.fixture(autouse=True, scope="module")
def forget() -> Iterator[None]:
    """The keys of these tests, some of which read like ordinary words."""
    known, pattern = set(keys._known), keys._pattern
    yield
    keys._known.clear()
    keys._known.update(known)
    keys._pattern = pattern


KEYS = st.text("abcXYZ019-_.:/+=~", min_size=8, max_size=60)


@given(st.lists(KEYS, min_size=1, max_size=4), st.data())
def test_no_known_key_survives_redaction(secrets: list[str], data: st.DataObject) -> None:
    keys.remember(secrets)
    written = secrets + [quote(secret) for secret in secrets] + [quote(secret, safe="") for secret in secrets]
    pieces = data.draw(st.lists(st.sampled_from(written) | st.text(max_size=8), max_size=12))
    clean = keys.redact("".join(pieces))
    assert not [secret for secret in written if secret in clean]


@given(st.text(max_size=20), KEYS, st.text(max_size=20))
def test_a_bearer_header_is_redacted_even_if_its_key_is_unknown(before: str, key: str, after: str) -> None:
    assert f"Bearer {key}" not in keys.redact(f"{before}Bearer {key}{after}")


@pytest.mark.parametrize("unknown", ["sk-abcdefghijklmnopqrstuvwxyz", "AIzaSyA0123456789abcdefghijklmnopqrstu"])
def test_what_looks_like_a_key_is_redacted(unknown: str) -> None:
    assert keys.redact(f"url?key={unknown}&x") == f"url?key={keys.MARK}&x"


@pytest.fixture
def log_factory():
    factory = logging.getLogRecordFactory()
    yield keys.redact_logs()
    logging.setLogRecordFactory(factory)


def test_no_log_record_holds_a_key(log_factory, caplog: pytest.LogCaptureFixture) -> None:
    secret = "very-secret-key-1234"
    keys.remember([secret])
    log = logging.getLogger("some.library")
    with caplog.at_level(logging.DEBUG):
        log.debug("headers: %s", {"Authorization": f"Bearer {secret}"})
        log.warning(f"{secret} in the message itself")
        try:
            raise ValueError(f"key {secret} refused")
        except ValueError:
            log.exception("failed with %r", secret)
    assert caplog.text.count(keys.MARK) == 4 and secret not in caplog.text
    assert "ValueError" in caplog.text
    assert not [record for record in caplog.records if secret in repr(vars(record))]


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_KEY", "first-key-0001")
    monkeypatch.setenv("MORE_KEYS", "second-key-002, third-key-0003,first-key-0001")
    assert keys.read(["ONE_KEY", "MORE_KEYS"]) == ("first-key-0001", "second-key-002", "third-key-0003")
    assert keys.redact("third-key-0003") == keys.MARK


@pytest.mark.parametrize("value", ["", " , ", "short", "two words and more", "kéy-with-accents"])
def test_a_variable_without_a_usable_key_is_an_error_that_names_it(monkeypatch, value: str) -> None:
    monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(UserError, match="SOME_KEY") as caught:
        keys.read(["SOME_KEY"])
    assert not value.strip(" ,") or value not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-abcdefghijklmnopqrstuvwxyz", "0123456789abcdef", "abcdefghijklmnop", "A" * 80])
def test_a_key_in_the_place_of_a_variable_is_not_printed(key: str) -> None:
    with pytest.raises(UserError, match="where its name belongs") as caught:
        keys.read([key])
    assert key not in str(caught.value)


def test_a_key_that_may_be_missing_is_remembered_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_KEY", "our-own-server-0001")
    assert keys.optional("OUR_KEY") == "our-own-server-0001" and keys.optional("NO_SUCH_KEY") is None
    assert keys.redact("refused: our-own-server-0001") == f"refused: {keys.MARK}"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://me:hidden@host:8000/v1/models", "http://[key]@host:8000/v1/models"),
        ("https://hidden@host/", "https://[key]@host/"),
        ("https://host/v1?key=hidden&x=1", "https://host/v1?key=[key]&x=1"),
        ("https://host/v1?v=2&access_token=hidden", "https://host/v1?v=2&access_token=[key]"),
        ("http://host:8000/v1?version=2024-01-01", "http://host:8000/v1?version=2024-01-01"),
        ("a@b.org asks: key=value?", "a@b.org asks: key=value?"),
    ],
)
def test_the_credentials_of_an_address_are_redacted(address: str, shown: str) -> None:
    assert keys.redact(f"no server at {address} today") == f"no server at {shown} today"


def test_a_key_of_an_address_is_known_in_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    keys.remember_address("https://me:pass%2Fword1@host/v1?api_key=from-a-query&version=2024-01-01")
    given_back = "pass/word1 pass%2Fword1 Basic bWU6cGFzcy93b3JkMQ== from-a-query 2024-01-01"
    assert keys.redact(given_back) == f"{keys.MARK} {keys.MARK} Basic {keys.MARK} {keys.MARK} 2024-01-01"
    keys.remember_address("http://[::1")  # whoever opens it says what is wrong
