"""The models as the lint reads them from files: where it decides at all, it agrees with SQLMesh."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops_tasks.contracts import model_load, models
from ops_tasks.contracts.models import Model, Project, Unnamed
from ops_tasks.errors import UsageError
from sandbox.build import TEMPLATE

CONFIG = "gateways: {local: {connection: {type: duckdb}}}\nmodel_defaults: {dialect: duckdb, start: 2026-01-01}\n"
EXTERNAL = "- name: raw.main.events\n  columns: {id: INT, at: TIMESTAMP}\n- name: raw.main.unknown\n"
EVENTS = "FROM raw.main.events"

# The query of a model -> the columns that are read from it, or a part of the reason why not.
DECIDED: dict[str, tuple[str, list[str]]] = {
    "plain": (f"SELECT id, at {EVENTS}", ["id", "at"]),
    "aliases": (f"SELECT e.id AS one, at::DATE AS two {EVENTS} AS e", ["one", "two"]),
    "cast": (f"SELECT at::DATE, CAST(id AS TEXT) {EVENTS}", ["at", "id"]),
    "cte": (f"WITH a AS (SELECT id, at {EVENTS}), b AS (SELECT id FROM a) SELECT id AS x FROM b", ["x"]),
    "union_all": (f"SELECT id, at AS when_ {EVENTS} UNION ALL SELECT id, at {EVENTS}", ["id", "when_"]),
    "distinct": (f"SELECT DISTINCT id {EVENTS}", ["id"]),
    "counted": (f"SELECT count(*) AS n, count(DISTINCT id) AS m {EVENTS}", ["n", "m"]),
    "from_in_brackets": (f"SELECT extract(year FROM at) AS y, trim(both FROM 'a') AS t {EVENTS}", ["y", "t"]),
    "case": (f"SELECT CASE WHEN id = 1 THEN 'FROM' ELSE ';' END AS c {EVENTS}", ["c"]),
    "comment": (f"SELECT id, -- FROM, here\n at /* , more */ {EVENTS}", ["id", "at"]),
    "quoted": (f'SELECT id AS "Order", at AS "select" {EVENTS}', ["Order", "select"]),
    "soft_keywords": (f"SELECT id AS offset, at AS sample {EVENTS}", ["offset", "sample"]),
    "subquery": (f"SELECT (SELECT max(id) {EVENTS}) AS top, id {EVENTS}", ["top", "id"]),
    "macro_in_where": (f"SELECT id {EVENTS} WHERE @AND(TRUE, id > 1)", ["id"]),
    "window": (f"SELECT id, row_number() OVER (PARTITION BY id ORDER BY at) AS nth {EVENTS}", ["id", "nth"]),
    "no_from": ("SELECT 1 AS a, 'x' AS b", ["a", "b"]),
    "statement_before": (f"SET threads = 1;\n\nSELECT id {EVENTS}", ["id"]),
    "statement_after": (f"SELECT id {EVENTS};\n\nSET threads = 1", ["id"]),
    "list_": (f"SELECT [id, 1] AS both, {{'a': id}} AS s {EVENTS}", ["both", "s"]),
}
OPEN: dict[str, tuple[str, str]] = {
    "star": (f"SELECT * {EVENTS}", "selects *"),
    "star_of_table": (f"SELECT e.* {EVENTS} AS e", "selects e.*"),
    "star_exclude": (f"SELECT * EXCLUDE (id) {EVENTS}", "selects *"),
    "star_of_unknown": ("SELECT * FROM raw.main.unknown", "selects *"),
    "by_name": (f"SELECT id {EVENTS} UNION ALL BY NAME SELECT id, at {EVENTS}", "BY NAME"),
    "macro": (f"SELECT @EACH([id, at], c -> c) {EVENTS}", "macro is among its columns"),
    "macro_under_alias": (f"SELECT id, @IF(TRUE, at) AS a {EVENTS}", "macro is among its columns"),
    "macro_name": (f"@DEF(x, 1);\n\nSELECT id AS a_@{{x}} {EVENTS}", "macro is among its columns"),
    "quoted_macro": (f'@DEF(x, 1);\n\nSELECT id AS "a_@{{x}}" {EVENTS}', "no name of its own"),
    "unnamed_sum": (f"SELECT sum(id) {EVENTS}", "no name of its own"),
    "jinja": (f"JINJA_QUERY_BEGIN;\nSELECT {{{{ 'id' }}}} {EVENTS};\nJINJA_END;", "Jinja"),
    "columns_call": (f"SELECT max(COLUMNS(*)) AS m {EVENTS}", "selects"),
    "in_brackets": (f"(SELECT id {EVENTS}) UNION ALL (SELECT id {EVENTS})", "neither SELECT nor WITH"),
    "from_first": (f"{EVENTS} SELECT id", "neither SELECT nor WITH"),
}
# What else a file of a model can be: its text, its kind, the columns that are read from it.
WHOLE: dict[str, tuple[str, str, list[str] | None]] = {
    "ddl.sql": ('MODEL (name m.ddl, columns (a INT, "b c" TEXT));\nSELECT * FROM raw.main.unknown', "", ["a", "b c"]),
    "scd.sql": (
        f"MODEL (name m.scd, kind SCD_TYPE_2_BY_TIME (unique_key id, updated_at_name at));\nSELECT id, at {EVENTS}",
        "SCD_TYPE_2_BY_TIME",
        ["id", "at", "valid_from", "valid_to"],
    ),
    "scd_named.sql": (
        "MODEL (name m.scd_named, kind SCD_TYPE_2_BY_COLUMN (unique_key id, columns [at], valid_from_name since,"
        f" valid_to_name until));\nSELECT id, at {EVENTS}",
        "SCD_TYPE_2_BY_COLUMN",
        ["id", "at", "since", "until"],
    ),
    "variables.sql": (
        "MODEL (name m.variables, kind INCREMENTAL_BY_TIME_RANGE (time_column at));\n"
        f"SELECT id, at, @start_ds AS s {EVENTS} WHERE at BETWEEN @start_date AND @end_date",
        "INCREMENTAL_BY_TIME_RANGE",
        ["id", "at", "s"],
    ),
    "quoted_name.sql": ('/* first */ model (name "m"."quoted_name", kind full);\nSELECT 1 AS a', "FULL", ["a"]),
    "embedded.sql": (f"MODEL (name m.embedded, kind EMBEDDED);\nSELECT id {EVENTS}", "EMBEDDED", ["id"]),
    "tagged.sql": ("MODEL (name m.tagged, tags (a, no_contract));\nSELECT 1 AS a", "", ["a"]),
    "python.py": (
        "from sqlmesh import model\n\n\n@model('m.python', kind='full', columns={'a': 'int', 'b': 'date'})\n"
        "def f(context, start, end, execution_time, **kwargs):\n    raise ValueError\n",
        "FULL",
        ["a", "b"],
    ),
    "python_dict.py": (
        "from sqlmesh import model\nfrom sqlmesh.core.model.kind import ModelKindName\n\n\n@model(name='m.python_dict',"
        " kind=dict(name=ModelKindName.SCD_TYPE_2_BY_COLUMN, unique_key=['a'], columns=['b']),"
        " columns={'a': 'int', 'b': 'int'}, tags=['no-contract'])\n"
        "def f(context, start, end, execution_time, **kwargs):\n    raise ValueError\n",
        "SCD_TYPE_2_BY_COLUMN",
        ["a", "b", "valid_from", "valid_to"],
    ),
    "python_computed.py": (
        "from sqlmesh import model\n\nCOLUMNS = {'a': 'int'}\n\n\n@model('m.python_computed', columns=COLUMNS)\n"
        "def f(context, start, end, execution_time, **kwargs):\n    raise ValueError\n",
        "FULL",
        None,
    ),
}


def project(folder: Path, files: dict[str, str], external: str = EXTERNAL) -> Path:
    (folder / "models").mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "external_models.yaml").write_text(external)
    for name, text in files.items():
        (folder / "models" / name).write_text(text)
    return folder


def files() -> dict[str, str]:
    queries = {name: query for name, (query, _) in [*DECIDED.items(), *OPEN.items()]}
    sql = {f"q_{name}.sql": f"MODEL (name m.q_{name});\n\n{query}\n" for name, query in queries.items()}
    return {**sql, **{name: text for name, (text, _, _) in WHOLE.items()}}


def by_name(found: Project) -> dict[str, Model]:
    return {model.name: model for model in found.models}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Model], dict[str, Model]]:
    """The same project as it is read, and as SQLMesh loads it."""
    folder = project(tmp_path_factory.mktemp("project") / "p", files())
    return by_name(models.read(folder, str)), by_name(model_load.read(folder, str))


WORDS = """
import json, sys
from pathlib import Path
from ops_tasks.contracts import models

if sys.argv[2] == "with":
    import sqlmesh
assert ("sqlmesh" in sys.modules) == (sys.argv[2] == "with")
found = models.read(Path(sys.argv[1]), str).models
print(json.dumps(sorted([one.name, one.kind, one.columns.names, one.columns.why] for one in found)))
"""


def test_sqlmesh_in_the_same_process_changes_no_answer(tmp_path: Path) -> None:
    """Its import changes the tokens and the parser of sqlglot for the whole process."""
    folder = project(tmp_path / "p", files())
    without, beside = (
        subprocess.run([sys.executable, "-c", WORDS, folder, way], check=True, capture_output=True, text=True).stdout
        for way in ("without", "with")
    )
    assert json.loads(without) == json.loads(beside)
    assert len(json.loads(without)) >= len(files())


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Model], dict[str, Model]]:
    """The same of the sandbox, whose databases are not there: neither way needs them."""
    folder = tmp_path_factory.mktemp("template") / "stack"
    shutil.copytree(TEMPLATE, folder)
    main = folder / "transforms" / "main"
    return by_name(models.read(main, str)), by_name(model_load.read(main, str))


@pytest.mark.parametrize("name", DECIDED)
def test_columns_are_those_of_sqlmesh(name: str, both: tuple[dict[str, Model], dict[str, Model]]) -> None:
    light, loaded = (models[f"m.q_{name}"] for models in both)
    assert light.columns.names is not None, light.columns.why
    assert list(light.columns.names) == DECIDED[name][1]
    assert [name.lower() for name in loaded.columns.names or ()] == [name.lower() for name in light.columns.names]


@pytest.mark.parametrize("name", OPEN)
def test_what_cannot_be_told_is_not_guessed(name: str, both: tuple[dict[str, Model], dict[str, Model]]) -> None:
    light, loaded = (models[f"m.q_{name}"] for models in both)
    assert light.columns.names is None
    assert OPEN[name][1] in light.columns.why
    assert "--load" in light.columns.why
    assert (loaded.columns.names is None) == (name == "star_of_unknown")


@pytest.mark.parametrize("file", WHOLE)
def test_kinds_of_models(file: str, both: tuple[dict[str, Model], dict[str, Model]]) -> None:
    _, kind, columns = WHOLE[file]
    light, loaded = (models[f"m.{file.partition('.')[0]}"] for models in both)
    assert light.kind == kind
    assert loaded.kind == (kind or "VIEW")
    assert (None if light.columns.names is None else list(light.columns.names)) == columns
    assert columns is None or loaded.columns.names == light.columns.names
    assert light.excused == loaded.excused == (file in ("tagged.sql", "python_dict.py"))


def test_both_ways_see_the_same_models(both: tuple[dict[str, Model], dict[str, Model]]) -> None:
    light, loaded = both
    assert light.keys() == loaded.keys()
    assert {"main.events", "main.unknown"} < light.keys()
    assert light["main.events"].columns.names == ("id", "at")
    assert light["main.unknown"].columns.names is None


def test_the_sandbox_is_decided_and_right(template: tuple[dict[str, Model], dict[str, Model]]) -> None:
    light, loaded = template
    assert {name: (model.kind, model.columns.names) for name, model in light.items()} == {
        name: (model.kind, model.columns.names) for name, model in loaded.items()
    }
    assert {name for name, model in light.items() if model.is_mart()} == {
        name for name, model in loaded.items() if model.is_mart()
    }
    assert len(light) == 23


@pytest.mark.parametrize(
    ("name", "kind", "schemas", "expected"),
    [
        pytest.param("ebird.daily", "FULL", (), True, id="a table"),
        pytest.param("ebird.daily", "", (), True, id="a model without a kind"),
        pytest.param("ebird.daily", "VIEW", (), True, id="a view"),
        pytest.param("daily", "FULL", (), True, id="no schema"),
        pytest.param("ebird_staging.daily", "FULL", (), False, id="staging"),
        pytest.param("staging.daily", "FULL", (), False, id="staging alone"),
        pytest.param("INTERMEDIATE.daily", "FULL", (), False, id="intermediate in capitals"),
        pytest.param("printing.daily", "FULL", (), True, id="a word with int in it"),
        pytest.param("ebird.stg_daily", "FULL", (), False, id="stg_"),
        pytest.param("ebird.int_daily", "FULL", (), False, id="int_"),
        pytest.param("ebird.internet", "FULL", (), True, id="begins with int"),
        pytest.param("ebird.codes", "SEED", (), False, id="a seed"),
        pytest.param("ebird.events", "EXTERNAL", (), False, id="external"),
        pytest.param("ebird.part", "EMBEDDED", (), False, id="embedded"),
        pytest.param("ebird.daily", "FULL", ("EBIRD",), True, id="a named schema"),
        pytest.param("noaa.daily", "FULL", ("ebird",), False, id="another schema"),
        pytest.param("ebird_staging.daily", "FULL", ("ebird_staging",), True, id="staging that is named"),
    ],
)
def test_what_a_mart_is(name: str, kind: str, schemas: tuple[str, ...], expected: bool) -> None:
    model = Model(*models.named(name), kind, "x.sql", 1, lambda: models.Columns(()))
    assert model.is_mart(schemas) == expected


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        pytest.param("a.sql", "SELECT 1 AS a", "no MODEL", id="no block"),
        pytest.param("a.sql", "MODEL (name @schema.a);\nSELECT 1 AS a", "made by a macro", id="a macro"),
        pytest.param(
            "a.sql", "MODEL (name @x.a, blueprints ((x := b)));\nSELECT 1 AS a", "made by a macro", id="a blueprint"
        ),
        pytest.param("a.sql", "MODEL (kind FULL);\nSELECT 1 AS a", "no name", id="no name at the top"),
        pytest.param("a.sql", "MODEL (name 'm.a", "split into words", id="an open quote"),
        pytest.param("a.py", "def f(:", "not Python", id="no Python"),
        pytest.param("a.py", "@model(NAME)\ndef f(): ...\n", "not written", id="a computed name"),
    ],
)
def test_a_model_without_a_name_that_can_be_told(tmp_path: Path, file: str, text: str, why: str) -> None:
    found = models.read(project(tmp_path / "p", {file: text}, ""), str)
    assert found.models == ()
    assert [why in one.why for one in found.unnamed] == [True]
    assert isinstance(found.unnamed[0], Unnamed)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param("a.sql", "", id="empty"),
        pytest.param("a.sql", "AUDIT (name x);\nSELECT 1", id="an audit"),
        pytest.param("a.sql", "MODEL (name m.a, enabled false);\nSELECT 1 AS a", id="not enabled"),
        pytest.param("a.py", "def helper(): ...\n", id="a helper"),
        pytest.param("a.py", "@model('m.a', enabled=False)\ndef f(): ...\n", id="not enabled in Python"),
        pytest.param("a.csv", "a,b\n", id="a seed's file"),
    ],
)
def test_no_model(tmp_path: Path, file: str, text: str) -> None:
    assert models.read(project(tmp_path / "p", {file: text}, ""), str) == Project(())


def test_a_name_from_the_path(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", {}, "")
    (folder / "models" / "ebird").mkdir()
    (folder / "models" / "ebird" / "daily.sql").write_text("MODEL (kind FULL);\nSELECT 1 AS a")
    assert [one.name for one in models.read(folder, str).models] == ["ebird.daily"]


@pytest.mark.parametrize(
    ("dataset", "catalogs"),
    [
        pytest.param("databox/ebird/daily", ["", "other"], id="three parts"),
        pytest.param("databox/other/ebird/daily", ["", "other"], id="four parts"),
        pytest.param("databox/third/ebird/daily", [""], id="another catalog"),
        pytest.param("databox/EBIRD/Daily", ["", "other"], id="capitals"),
        pytest.param("databox/ebird/weekly", [], id="no model"),
        pytest.param("ebird/daily", [], id="two parts"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_which_model_a_dataset_means(dataset: str, catalogs: list[str]) -> None:
    found = Project(
        tuple(Model(one, "ebird", "daily", "FULL", "x.sql", 1, lambda: models.Columns(())) for one in ("", "other"))
    )
    assert [model.catalog for model in found.of(dataset)] == catalogs


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param("config.yaml", "is no SQLMesh project", id="no config"),
        pytest.param(".", "does not exist", id="no folder"),
    ],
)
def test_no_project(tmp_path: Path, spoil: str, reason: str) -> None:
    folder = project(tmp_path / "p", {})
    if spoil == ".":
        shutil.rmtree(folder)
    else:
        (folder / spoil).unlink()
    for read in (models.read, model_load.read):
        with pytest.raises(UsageError, match=reason):
            read(folder, str)


def test_a_project_of_dbt_has_to_be_loaded(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", {})
    (folder / "dbt_project.yml").write_text("name: x\n")
    with pytest.raises(UsageError, match=r"dbt project.*give --load"):
        models.read(folder, str)


def test_a_project_that_sqlmesh_refuses(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", {"a.sql": "MODEL (name m.a, kind NONSENSE);\nSELECT 1 AS a"})
    with pytest.raises(UsageError, match=r"SQLMesh cannot load"):
        model_load.read(folder, str)
