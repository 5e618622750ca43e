"""What a secret looks like in a text, whoever wrote it: `token=...`, a flag of that name, a header, a login.

The text may be JSON, and has to stay so: quotes may be escaped, and a quoted name hides a quoted value only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

HIDDEN = "***"
_IS = r"""(?:\s*[=:]\s*\\?['"]?|\\?['"]\s*[=:]\s*\\?['"])"""
_LETTER = r"""(?:[^\s'"\\&;,]|\\u[0-9a-f]{4})"""
_NAME = r"(?:token|passw(?:or)?d|passphrase|(?:api|access|secret)[_-]?key|private[_-]?key|secret|(?<![a-z])pwd)"
# `$TOKEN`, `${TOKEN}` and `$(cat file)` say where a secret is to be found; so does a path behind these two names.
_ELSEWHERE = rf"""\$(?:[{{(]|(?-i:[A-Z_][A-Z0-9_]*)(?!{_LETTER}))"""
_PATH = rf"""(?:private[_-]?key|pwd){_IS}[~./]"""
IN_TEXT = re.compile(rf"((?!{_PATH}){_NAME}{_IS})(?!{_ELSEWHERE}){_LETTER}{{6,}}", re.IGNORECASE)
FLAG = re.compile(
    rf"""((?<![\w-])--?(?!no-)(?:[a-z0-9]+[-_.])*{_NAME}(?:\s+\\?['"]?|\\?['"]\s*,\s*\\?['"]))"""
    rf"""(?![-~./@]|{_ELSEWHERE}){_LETTER}{{4,}}""",
    re.IGNORECASE,
)
# Behind a mere blank it is a quoted text, or one with a digit or a sign in it: "password is missing" is none.
SAID = re.compile(
    r"""(\b(?:passw(?:or)?d|passphrase|pwd)\ +(?:\\?['"](?=[^\s'"\\]{4,}\\?['"])"""
    rf"""|(?=[a-z]*[0-9!#$%^*])(?!\d+(?:[-:.]\d+)*\b|{_ELSEWHERE}))){_LETTER}{{6,}}""",
    re.IGNORECASE,
)
HEADER = re.compile(
    rf"((?:authorization{_IS}(?:(?:bearer|basic|digest|token)\s+|(?={_LETTER}{{12}}))"
    rf"|\bbearer\s+(?={_LETTER}{{16}})))(?!{_ELSEWHERE}){_LETTER}+",
    re.IGNORECASE,
)
PARAMETER = re.compile(
    r"""([?&][\w.%-]*(?:token|key|secret|passw(?:or)?d|pwd|sig|signature|auth|credentials?)=)"""
    rf"""(?!{_ELSEWHERE})[^&\s'"\\#;,)]+""",
    re.IGNORECASE,
)
LOGIN = re.compile(
    rf"""(\b[a-z][a-z0-9+.-]{{0,30}}://[^\s/:@'"\\?#]*:)(?!{_ELSEWHERE})(?:[^\s/'"\\?#]|\\u[0-9a-f]{{4}})+(?=@)""",
    re.IGNORECASE,
)
# Without `://` it is one where the password has a digit or a sign in it, or a port or a database follows.
BARE_LOGIN = re.compile(
    r"""((?<![\w/@.:+-])(?!mailto:)[\w.+-]+:)"""
    r"""(?=[^\s@'"\\0-9!#$%^&*]{0,64}[0-9!#$%^&*][^\s@'"\\]{0,64}@|[^\s@'"\\]{1,64}@[\w.-]{1,64}[:/]\w)"""
    r"""[^\s/:@'"\\]{4,64}(?=@(?!sha\d+:)[a-z0-9])""",
    re.IGNORECASE,
)
# One without its end is hidden up to the next quote. A log comes line by line: then it is the lines of 64 characters.
PRIVATE_KEY = re.compile(
    r"""()-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:(?!-----)(?:[^"'\\]|\\[nrt]))*"""
    r"(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?"
)
KEY_LINE = re.compile(r"()^(?![0-9a-f]+\s*$)[A-Za-z0-9+/]{64}(?=\s*$)", re.MULTILINE)
LOOKS = (PRIVATE_KEY, KEY_LINE, LOGIN, BARE_LOGIN, HEADER, PARAMETER, FLAG, IN_TEXT, SAID)


def hide(text: str) -> str:
    """Return `text` with everything hidden that looks like a secret; the words that introduce it stay."""
    for pattern in LOOKS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


def introduced(words: Sequence[str]) -> str | None:
    """What introduces the first secret in the words of a command, None where there is none."""
    text = json.dumps(list(words))
    for pattern in LOOKS:
        if found := pattern.search(text):
            named = re.search(r"[\w-]*\w$", re.sub(r"""[\s=:,'"\\]+$""", "", text[: found.end(1)]))
            return named[0] if named and pattern not in (LOGIN, BARE_LOGIN) else "a login or a private key"
    return None
