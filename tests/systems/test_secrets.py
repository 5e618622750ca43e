"""Secrets never reach what is written."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_tasks.errors import UsageError
from ops_tasks.scenarios.refresh import refresh
from ops_tasks.secret_looks import HIDDEN, IN_TEXT
from ops_tasks.stack import FOUND, find
from ops_tasks.systems.secrets import redact, survives

SECRET = "-".join(["s3cr3t", "value"])


@pytest.fixture(autouse=True)
def _no_stack_found_before() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    before = dict(FOUND)
    FOUND.clear()
    yield
    FOUND.clear()
    FOUND.update(before)


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


KEY = "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *["MIIEow+/" * 8] * 3, "c2Vj", "-----END RSA PRIVATE KEY-----"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Authorization: Bearer {SECRET}", f"Authorization: Bearer {HIDDEN}"),
        (f"authorization=basic {SECRET}==, next", f"authorization=basic {HIDDEN}, next"),
        (f"{{'Authorization': 'Bearer {SECRET}'}}", f"{{'Authorization': 'Bearer {HIDDEN}'}}"),
        (f"Authorization: {SECRET}{SECRET}", f"Authorization: {HIDDEN}"),
        (f"sent Bearer {SECRET}{SECRET} to it", f"sent Bearer {HIDDEN} to it"),
        (f"X-Api-Key: {SECRET}", f"X-Api-Key: {HIDDEN}"),
        (
            "GET /x?api_key=abc&token=d&day=2026-04-01 failed",
            f"GET /x?api_key={HIDDEN}&token={HIDDEN}&day=2026-04-01 failed",
        ),
        ("https://x/?a=1&sig=a%2Fb#top", f"https://x/?a=1&sig={HIDDEN}#top"),
        ("postgres://me:p@ss:w@db:5432/x", f"postgres://me:{HIDDEN}@db:5432/x"),
        (f"proxy http://:{SECRET}@host, next", f"proxy http://:{HIDDEN}@host, next"),
        (f"the key\n{KEY}\nwas read", f"the key\n{HIDDEN}\nwas read"),
        (KEY[:150], HIDDEN),
        ("load noaa --token tok-99 --day 7", f"load noaa --token {HIDDEN} --day 7"),
        ("['load', '--api-key', 'x/y+99']", f"['load', '--api-key', '{HIDDEN}']"),
        ('["load", "--client-secret", "xy99"]', f'["load", "--client-secret", "{HIDDEN}"]'),
        ("cannot connect with password hunter2super", f"cannot connect with password {HIDDEN}"),
        ("CREATE USER me WITH PASSWORD 'hunter'", f"CREATE USER me WITH PASSWORD '{HIDDEN}'"),
        ("host=h pwd=hunter22", f"host=h pwd={HIDDEN}"),
        ("me:hunter2@db refused", f"me:{HIDDEN}@db refused"),
        ("root:hunter@db:3306 refused", f"root:{HIDDEN}@db:3306 refused"),
    ],
)
def test_other_looks_of_a_secret(text: str, expected: str) -> None:
    assert redact(text) == expected
    line = redact(json.dumps({"reason": text, "n": [1]}))
    assert json.loads(line) == {"reason": expected, "n": [1]}


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:8080/a@b",
        "https://x.org/y?day=2026-04-01&page=2",
        "mail me@example.org, bearer of news",
        "authorization: failed",
        "-----BEGIN CERTIFICATE-----",
        "sha256 " + "0123456789abcdef" * 4,
        "0123456789abcdef" * 4,
        "--tokenizer simple --password-file secret.txt --key-column station_id --token-env NOAA_TOKEN",
        """sh -c 'load --token "$TOKEN" --password=${DB_PASSWORD}'""",
        "--private-key ~/.ssh/id_rsa --private-key=/keys/a.pem --no-password loading",
        "password is missing; a password required for user me; password authentication failed; password 2026-04-18",
        "PWD=/home/me OLDPWD=/home/other, mailto:me@example.org, python:3.13@sha256:0a1b, ERROR:me@host",
    ],
)
def test_what_only_looks_a_little_like_one_stays(text: str) -> None:
    assert redact(text) == text


def test_a_key_that_comes_line_by_line_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    logged = "\n".join(redact(line) for line in KEY.splitlines())
    assert "MIIE" not in logged
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY", "\n".join(["a" * 8 + "XYZ" * 5, "b" * 20]))
    assert redact("line b: " + "b" * 20) == f"line b: {HIDDEN}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stack whose dlt has secrets."""
    (tmp_path / "p").mkdir()
    (tmp_path / ".dlt").mkdir()
    text = "ops:\n  databases: {databox: data/databox.duckdb}\n  sqlmesh: {project: p, environment: production}\n"
    (tmp_path / "invoke.yaml").write_text(text, encoding="utf-8")
    (tmp_path / ".dlt" / "secrets.toml").write_text(
        f'[sources.ebird]\nkey = "{SECRET}"\nlist = ["other-one"]\n[destination]\nname = "production"\n',
        encoding="utf-8",
    )
    return tmp_path


def test_what_dlt_keeps_secret(folder: Path) -> None:
    assert SECRET in redact(SECRET)
    find(folder)
    assert redact(f"{SECRET} and other-one") == f"{HIDDEN} and {HIDDEN}"
    file = folder / ".dlt" / "secrets.toml"
    file.write_text('key = "third-one"\nno toml', encoding="utf-8")
    os.utime(file, ns=(1, 1))
    assert redact("third-one") == HIDDEN


def test_a_word_of_the_configuration_is_no_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "databox")
    monkeypatch.setenv("OTHER_PASSWORD", "databox-and-more")
    text = json.dumps({"catalog": "databox", "file": "data/databox.duckdb", "environment": "production"})
    assert redact("databox") == HIDDEN
    find(folder)
    assert redact(text) == text
    assert survives({"databox": ["databox"]})
    assert redact("databox-and-more") == HIDDEN
    assert not survives(["databox-and-more"])


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
@given(
    st.dictionaries(
        st.text(max_size=10),
        st.text(max_size=60)
        | st.sampled_from(
            [f'token="{SECRET}"', KEY, KEY[:99], f"Authorization: Bearer {SECRET}", f"x://a:{SECRET}@b?key=1"]
        ),
        max_size=4,
    )
)
def test_redacted_json_is_json(value: dict[str, str]) -> None:
    json.loads(redact(json.dumps(value)))


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_redacting_twice_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("python", "-m", "load", "--token", "tok-998877"), "--token"),
        (("load", "--token=tok-998877"), "--token"),
        (("sh", "-c", "DB_PASSWORD=hunter22 load"), "DB_PASSWORD"),
        (("load", "postgres://me:hunter@db/x"), "a login or a private key"),
        (("sh", "-c", 'load --token "$TOKEN"'), None),
        (("load", "--tokenizer", "simple", "--token-env", "NOAA_TOKEN"), None),
    ],
)
def test_a_load_command_with_a_secret_is_refused_by_the_name_of_its_flag(
    folder: Path, words: tuple[str, ...], told: str | None
) -> None:
    """It would be in the plan, in the journal and in the list of processes."""
    file = folder / "invoke.yaml"
    source: dict[str, object] = {
        "catalog": "databox",
        "dataset": "raw",
        "tables": {"a": {}},
        "load": {"command": list(words)},
    }
    file.write_text(f"{file.read_text('utf-8')}  sources: {json.dumps({'noaa': source})}\n", encoding="utf-8")
    stack = find(folder)
    if told is None:
        assert stack.load("noaa").command == words
        return
    with pytest.raises(UsageError, match="holds a secret"):
        refresh(stack, {"days": 7, "snapshot": "a", "operation": "abc123"})
    with pytest.raises(UsageError) as refused:
        stack.load("noaa")
    assert refused.value.reason.endswith(f"the load command of noaa holds a secret ({told})")
    assert "environment" in refused.value.way_out


def test_the_mark_itself_is_no_secret() -> None:
    assert IN_TEXT.sub("x", f"token={HIDDEN}") == f"token={HIDDEN}"


@pytest.mark.parametrize(
    "text",
    [",".join(f"k{n}:v{n}" for n in range(20000)), "--" + "a-" * 20000, "a.b" * 20000, "password '" * 20000],
    ids=lambda text: text[:9],
)
def test_a_long_text_is_read_in_no_time(text: str) -> None:
    began = time.monotonic()
    assert redact(text) == text
    assert time.monotonic() - began < 2
