"""SQL types by what values they can hold: same, widened, narrowed, or another type altogether."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

SAME, WIDENED, NARROWED, CHANGED = "same", "widened", "narrowed", "changed"
_ORDER = (SAME, WIDENED, NARROWED, CHANGED)
INFINITE = 10**9


@dataclass(frozen=True)
class Whole:
    """Whole numbers from `low` to `high`."""

    low: int
    high: int


@dataclass(frozen=True)
class Exact:
    """Decimals with so many digits before and after the point."""

    before: int
    after: int


@dataclass(frozen=True)
class Floating:
    """Binary floating point with so many bits of mantissa: whole numbers are exact up to 2 to their power."""

    mantissa: int


@dataclass(frozen=True)
class Text:
    """Text of at most so many characters, or one of some values."""

    length: int = INFINITE
    values: frozenset[str] | None = None


@dataclass(frozen=True)
class Clock:
    """A time or a timestamp: with zone or without, so many digits of a second; nanoseconds end in the year 2262."""

    kind: str
    zone: bool
    digits: int


@dataclass(frozen=True)
class Items:
    """A list, or an array of a fixed size."""

    item: Type
    size: int | None = None


@dataclass(frozen=True)
class Fields:
    """A struct or a union by the names of its fields, a map by `key` and `value`."""

    kind: str
    fields: tuple[tuple[str, Type], ...]


@dataclass(frozen=True)
class Other:
    """Any other type, by its name."""

    name: str


Type = Whole | Exact | Floating | Text | Clock | Items | Fields | Other

_BITS = {"TINYINT": 8, "SMALLINT": 16, "MEDIUMINT": 24, "INT": 32, "BIGINT": 64, "INT128": 128, "INT256": 256}
_UNSIGNED = {
    "UTINYINT": 8,
    "USMALLINT": 16,
    "UMEDIUMINT": 24,
    "UINT": 32,
    "UBIGINT": 64,
    "UINT128": 128,
    "UINT256": 256,
}
_TEXTS = {"TEXT", "VARCHAR", "CHAR", "NVARCHAR", "NCHAR", "BPCHAR", "NAME"}
_STAMPS = {
    "TIMESTAMP": (False, 6),
    "TIMESTAMPNTZ": (False, 6),
    "DATETIME": (False, 6),
    "TIMESTAMPTZ": (True, 6),
    "TIMESTAMPLTZ": (True, 6),
    "TIMESTAMP_S": (False, 0),
    "TIMESTAMP_MS": (False, 3),
    "TIMESTAMP_NS": (False, 9),
}
# Soda's own names that SQL does not have.
_SODA = {"timestamp_tz": "timestamptz", "timestamp_ntz": "timestamp"}


def compare(old: Type, new: Type) -> str:
    """`same`, `widened` (every old value still fits), `narrowed` (some do not), `changed` (another kind of value)."""
    if old == new:
        return SAME
    if isinstance(old, Items) and isinstance(new, Items):
        sizes = SAME if old.size == new.size else WIDENED if new.size is None else NARROWED
        return _worst(compare(old.item, new.item), sizes)
    if isinstance(old, Fields) and isinstance(new, Fields) and old.kind == new.kind:
        return _fields(dict(old.fields), dict(new.fields))
    if _family(old) != _family(new):
        return CHANGED
    return WIDENED if _holds(new, old) else NARROWED


def parse(text: str, *, length: int | None = None, precision: int | None = None, scale: int | None = None) -> Type:
    """Read a type as DuckDB, or Soda, names it; the parameters are those that a contract gives beside the type.

    A type without parameters stands for all of them: a bare DECIMAL is wider than any DECIMAL(p, s).
    """
    found = parse_text(_SODA.get(" ".join(text.split()).lower(), text))
    if isinstance(found, Text) and length is not None and found.values is None:
        return replace(found, length=length)
    if isinstance(found, Exact) and precision is not None:
        digits = scale or 0
        return Exact(precision - digits, digits)
    return found


@cache
def parse_text(text: str) -> Type:
    """Read a type by its text alone; what nobody knows is a type of that name."""
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import SqlglotError

    dialect = Dialect.get_or_raise("duckdb")
    # DuckDB forgets the length of a VARCHAR and sets DECIMAL to (18, 3); a contract means what it says.
    parser: Any = type("_Verbatim", (type(dialect.parser()),), {"TYPE_CONVERTERS": {}})(dialect=dialect)
    try:
        tree = parser.parse_into(exp.DataType, dialect.tokenize(text), text)[0]
    except (SqlglotError, RecursionError):
        tree = None
    return _of(tree) if isinstance(tree, exp.DataType) else Other(" ".join(text.split()).upper())


def _of(tree: Any) -> Type:
    from sqlglot import exp

    if not isinstance(tree, exp.DataType):
        kind = tree.args.get("kind")
        return _of(kind) if isinstance(kind, exp.DataType) else Other(tree.sql().upper())
    name = tree.this.name if isinstance(tree.this, exp.DType) else tree.sql().upper()
    inner: list[Any] = list(tree.expressions)
    sizes = [int(one.name) for one in inner if isinstance(one, exp.DataTypeParam) and one.name.isdigit()]
    if name in _BITS:
        return Whole(-(2 ** (_BITS[name] - 1)), 2 ** (_BITS[name] - 1) - 1)
    if name in _UNSIGNED:
        return Whole(0, 2 ** _UNSIGNED[name] - 1)
    if name == "BIGNUM":
        return Whole(-(10 ** INFINITE.bit_length() * 2**4096), 10 ** INFINITE.bit_length() * 2**4096)
    if name in ("DECIMAL", "BIGDECIMAL", "DECIMAL32", "DECIMAL64", "DECIMAL128"):
        after = sizes[1] if len(sizes) > 1 else 0
        return Exact(sizes[0] - after, after) if sizes else Exact(INFINITE, INFINITE)
    if name in ("FLOAT", "DOUBLE"):
        # FLOAT(n) of the SQL standard is a double from 25 bits on.
        return Floating(53 if name == "DOUBLE" or (sizes and sizes[0] > 24) else 24)
    if name in _TEXTS:
        return Text(sizes[0] if sizes else INFINITE)
    if name == "ENUM":
        return Text(values=frozenset(one.name for one in inner))
    return _nested(name, tree, inner) or _clock(name, sizes) or Other(_canonical(tree))


def _clock(name: str, sizes: list[int]) -> Clock | None:
    if name in _STAMPS:
        zone, digits = _STAMPS[name]
        return Clock("timestamp", zone, sizes[0] if sizes else digits)
    if name in ("TIME", "TIMETZ"):
        return Clock("time", name == "TIMETZ", sizes[0] if sizes else 6)
    return None


def _nested(name: str, tree: Any, inner: list[Any]) -> Type | None:
    if name in ("ARRAY", "LIST") and inner:
        sizes = tree.args.get("values")
        return Items(_of(inner[0]), int(sizes[0].name) if sizes else None)
    if name == "MAP" and len(inner) == 2:
        return Fields("map", (("key", _of(inner[0])), ("value", _of(inner[1]))))
    if name in ("STRUCT", "UNION", "OBJECT") and inner:
        named = ((one.name.lower() or str(at), _of(one)) for at, one in enumerate(inner))
        return Fields(name.lower(), tuple(sorted(named, key=lambda field: field[0])))
    return None


def _canonical(tree: Any) -> str:
    return str(tree.sql(dialect="duckdb")).upper()


def _fields(old: Mapping[str, Type], new: Mapping[str, Type]) -> str:
    gone = NARROWED if old.keys() - new.keys() else SAME
    more = WIDENED if new.keys() - old.keys() else SAME
    return _worst(gone, more, *(compare(kind, new[name]) for name, kind in old.items() if name in new))


def _worst(*verdicts: str) -> str:
    return max(verdicts, key=_ORDER.index)


def _family(kind: Type) -> object:
    if isinstance(kind, Whole | Exact | Floating):
        return "number"
    if isinstance(kind, Clock):
        return kind.kind, kind.zone
    return Text if isinstance(kind, Text) else kind


def _holds(outer: Type, inner: Type) -> bool:
    """Whether every value of `inner`, a type of the same family, is a value of `outer`."""
    if isinstance(outer, Text) and isinstance(inner, Text):
        return _holds_text(outer, inner)
    if isinstance(outer, Clock) and isinstance(inner, Clock):
        return outer.digits >= inner.digits and not outer.digits > 6 >= inner.digits
    if isinstance(inner, Floating):
        return isinstance(outer, Floating) and outer.mantissa >= inner.mantissa
    if isinstance(inner, Exact):
        if isinstance(outer, Exact):
            return outer.before >= inner.before and outer.after >= inner.after
        return (
            inner.after == 0
            and inner.before < 1000
            and _holds(outer, Whole(1 - 10**inner.before, 10**inner.before - 1))
        )
    if not isinstance(inner, Whole):
        return False
    most = max(-inner.low, inner.high)
    if isinstance(outer, Whole):
        return outer.low <= inner.low and inner.high <= outer.high
    if isinstance(outer, Exact):
        return outer.before >= INFINITE or most < 10 ** min(outer.before, 10_000)
    return isinstance(outer, Floating) and most <= 2**outer.mantissa


def _holds_text(outer: Text, inner: Text) -> bool:
    if outer.values is not None:
        return inner.values is not None and inner.values <= outer.values
    if inner.values is not None:
        return all(len(value) <= outer.length for value in inner.values)
    return outer.length >= inner.length
