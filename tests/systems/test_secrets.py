"""Secrets never reach what is written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_tasks.systems.secrets import HIDDEN, IN_TEXT, redact

SECRET = "-".join(["s3cr3t", "value"])


@pytest.mark.parametrize(
    "name",
    [
        "MOTHERDUCK_TOKEN",
        "motherduck_token",
        "DB_PASSWORD",
        "PASSWD",
        "EBIRD_API_KEY",
        "APIKEY",
        "X_SECRET_Y",
        "PRIVATE_KEY",
    ],
)
def test_values_of_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, SECRET)
    assert redact(f"GET /?k={SECRET}&x=1 failed; {SECRET}") == f"GET /?k={HIDDEN}&x=1 failed; {HIDDEN}"


def test_what_is_no_secret_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABOX_BACKEND", "local-files")
    monkeypatch.setenv("SHORT_TOKEN", "abc")
    text = "local-files abc: 3 tokens, monkey=banana, no token: 12 rows"
    assert redact(text) == text


def test_the_longer_of_two_is_hidden_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "abcdef")
    monkeypatch.setenv("B_TOKEN", "abcdef-and-more")
    assert redact("x abcdef-and-more y abcdef z") == f"x {HIDDEN} y {HIDDEN} z"


def test_a_changed_environment_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "first-one")
    assert redact("first-one") == HIDDEN
    monkeypatch.setenv("A_TOKEN", "second-one")
    assert redact("first-one second-one") == f"first-one {HIDDEN}"


@pytest.mark.parametrize(
    "text",
    [
        f"md:databox?motherduck_token={SECRET}&saas_mode=true",
        f"token: {SECRET}, next",
        f"password='{SECRET}'",
        f'password="{SECRET}"',
        f"API_KEY = {SECRET}",
        f"{{'password': '{SECRET}', 'user': 'me'}}",
        f'{{"api_key": "{SECRET}"}}',
        f'connect("md:?motherduck_token={SECRET}")',
        f"secret={SECRET}\nTraceback",
        f"password={SECRET}äöü",
    ],
)
def test_what_looks_like_one_is_hidden_and_json_stays_json(text: str) -> None:
    """The journal and the document are redacted as JSON text."""
    assert SECRET not in redact(text)
    line = redact(json.dumps({"reason": text, "n": 1}))
    assert SECRET not in line
    assert json.loads(line)["n"] == 1


def test_secrets_in_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "a/b+c d=")
    assert redact("GET https://x/?k=a%2Fb%2Bc%20d%3D") == f"GET https://x/?k={HIDDEN}"


def test_json_of_other_types_stays_json() -> None:
    value = {"token": 12345678, "secret": True, "password": None, "api_key": [1234567]}
    assert json.loads(redact(json.dumps(value))) == value


@pytest.mark.parametrize("secret", ['say "please"', "back\\slash\\es", "pässwörter", "new\nlines\n"])
def test_secrets_that_json_writes_otherwise(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("A_PASSWORD", secret)
    line = redact(json.dumps({"reason": f"login with {secret} failed"}))
    assert json.loads(line)["reason"] == f"login with {HIDDEN} failed"


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=10), st.text(max_size=60) | st.just(f'token="{SECRET}"'), max_size=4))
def test_redacted_json_is_json(value: dict[str, str]) -> None:
    json.loads(redact(json.dumps(value)))


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_redacting_twice_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_the_mark_itself_is_no_secret() -> None:
    assert IN_TEXT.sub("x", f"token={HIDDEN}") == f"token={HIDDEN}"
