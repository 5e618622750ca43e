"""Restatements in Python: the API, lists of arguments, texts that are run, and what only speaks of them."""

from __future__ import annotations

import pytest

from hooks.restatements import find

CASES = [
    pytest.param("job.sh", "uv run ops-restate-guard --check -- sqlmesh plan -r a\n", [], id="job.sh: uv run guard"),
    pytest.param("bin/j", "#!/usr/bin/env python3\nctx.plan(restate_models=['a'])\n", [2], id="bin/j: python shebang"),
    pytest.param(
        "bin/j",
        ("#!/usr/bin/env -S uv run --script\nimport sqlmesh\nctx.plan(restate_models=['a'])\n"),
        [3],
        id="bin/j: uv script shebang",
    ),
    pytest.param(
        "Makefile",
        "SM ?= uv run sqlmesh\nx:\n\t$(SM) plan prod --restate-model a\n",
        [3],
        id="Makefile: make var program",
    ),
    pytest.param("package.json", '{"scripts": {"x": "NODE=1 uv run sqlmesh plan -r a"}}', [1], id="package.json: dbl"),
    pytest.param("a.py", 'cmd = "sqlmesh plan".split() + ["-r", m]\n', [1], id="a.py: list joined"),
    pytest.param("a.py", 'cmd = ["sqlmesh", "plan"] + ["--restate-model", m]\n', [1], id="a.py: list +"),
    pytest.param("a.py", 'cmd = ["sqlmesh", "plan", "prod"] + ["-r", m]\n', [1], id="a.py: list + short"),
    pytest.param("a.py", 'cmd = ["sqlmesh", "plan"]\ncmd.append("--restate-model")\n', [2], id="a.py: append long"),
    pytest.param("a.py", 'cmd = ["sqlmesh", "plan"]\ncmd += ["--restate-model", m]\n', [2], id="a.py: extend long"),
    pytest.param("a.py", 'run(["sqlmesh", "plan", f"--restate-model={m}"])\n', [1], id="a.py: f flag"),
    pytest.param("a.py", 'run(["sqlmesh", "plan", f"-r{m}"])\n', [1], id="a.py: f short"),
    pytest.param(
        "a.py", ('run(["sqlmesh", "plan", *[x for m in ms for x in ("--restate-model", m)]])\n'), [1], id="a.py: comp"
    ),
    pytest.param("a.py", 'subprocess.call("sqlmesh", "plan", "-r", "a")\n', [1], id="a.py: args varargs"),
    pytest.param(
        "a.py",
        ('x = asyncio.create_subprocess_exec("sqlmesh", "plan", "--restate-model", m)\n'),
        [1],
        id="a.py: exec async",
    ),
    pytest.param("a.py", 'sh.sqlmesh("plan", "prod", "--restate-model", m)\n', [1], id="a.py: sh lib"),
    pytest.param(
        "a.py", 'CliRunner().invoke(cli, ["plan", "prod", "--restate-model", "a"])\n', [1], id="a.py: click runner"
    ),
    pytest.param(
        "a.py",
        ('from sqlmesh.cli.main import cli\nCliRunner().invoke(cli, ["plan", "prod", "-r", "a"])\n'),
        [2],
        id="a.py: click runner short",
    ),
    pytest.param("a.py", 'subprocess.run(shlex.split("sqlmesh plan -r a"))\n', [1], id="a.py: shlex"),
    pytest.param(
        "a.py", 'FLAG = "--restate-model"\nrun(["sqlmesh", "plan", FLAG, m])\n', [2], id="a.py: var name long"
    ),
    pytest.param(
        "a.py", 'run([sys.executable, "-m", "sqlmesh.cli.main", "plan", "-r", m])\n', [1], id="a.py: sys.executable"
    ),
    pytest.param("a.py", 'run(["bash", "-c", "sqlmesh plan -r a"])\n', [1], id="a.py: bash -c list"),
    pytest.param("a.py", 'run(["ssh", host, "cd x && sqlmesh plan -r a"])\n', [1], id="a.py: ssh list"),
    pytest.param("a.py", '" ".join(["sqlmesh", "plan", "-r", m])\n', [1], id="a.py: join"),
    pytest.param("a.py", '" && ".join(["cd x", "sqlmesh plan -r a"])\n', [1], id="a.py: join &&"),
    pytest.param("a.py", 'os.system(f"{sqlmesh} plan prod --restate-model {m}")\n', [1], id="a.py: f-string program"),
    pytest.param("a.py", 'os.system(f"{venv}/bin/sqlmesh plan -r {m}")\n', [1], id="a.py: f prog short"),
    pytest.param("a.py", 'c.run("""\n  cd x\n  sqlmesh plan -r a\n""")\n', [1], id="a.py: triple"),
    pytest.param("a.py", 'c.run(dedent("""\n sqlmesh plan -r a\n"""))\n', [1], id="a.py: dedent"),
    pytest.param("a.py", 'cmd = (\n  "sqlmesh plan prod "\n  f"--restate-model {m}"\n)\n', [2], id="a.py: parts"),
    pytest.param("a.py", 'c.run(command="sqlmesh plan -r a", echo=True)\n', [1], id="a.py: run kw"),
    pytest.param(
        "a.py", ('BashOperator(task_id="x", bash_command="cd x && sqlmesh plan -r a")\n'), [1], id="a.py: BashOperator"
    ),
    pytest.param(
        "a.py",
        ('PipesSubprocessClient().run(command=["sqlmesh", "plan", "-r", "a"], context=c)\n'),
        [1],
        id="a.py: dagster pipes",
    ),
    pytest.param(
        "a.py", 'session.run("sqlmesh", "plan", "prod", "--restate-model", "a")\n', [1], id="a.py: session.run nox"
    ),
    pytest.param("a.py", 'session.run("sqlmesh", "plan", "prod", "-r", "a")\n', [1], id="a.py: nox short"),
    pytest.param(
        "a.py", 'session.run("sqlmesh", "plan",\n  "-r", "a", external=True)\n', [1], id="a.py: nox short external"
    ),
    pytest.param("a.py", 'os.execlp("sqlmesh", "sqlmesh", "plan", "-r", "a")\n', [1], id="a.py: execlp"),
    pytest.param(
        "a.py",
        ('ctx.plan("prod", restate_models=())\nctx.plan(restate_models=set())\nctx.plan(restate_models=list())\n'),
        [],
        id="a.py: plan positional none",
    ),
    pytest.param("a.py", 'p = functools.partial(ctx.plan, restate_models=["a"])\n', [1], id="a.py: partial"),
    pytest.param("a.py", 'import sqlmesh\nkw["restate_models"] = ["a"]\nctx.plan(**kw)\n', [2], id="a.py: attr set"),
    pytest.param("a.py", 'import sqlmesh\nkw.update(restate_models=["a"])\n', [2], id="a.py: update"),
    pytest.param("a.py", 'import sqlmesh\nkw.setdefault("restate_models", ["a"])\n', [2], id="a.py: setdefault"),
    pytest.param(
        "a.py",
        ('from sqlmesh import Context\nContext().plan("prod", **{"restate_models": ["a"]})\n'),
        [2],
        id="a.py: dict **",
    ),
    pytest.param("a.py", 'ctx.plan("prod", **{"restate_models": ["a"]})\n', [1], id="a.py: dict ** no import"),
    pytest.param("a.py", 'import sqlmesh\nx = {"restate_models": None}\n', [], id="a.py: dict none"),
    pytest.param(
        "a.py", 'import sqlmesh\ndef f(restate_models=None):\n    ctx.plan("prod")\n', [], id="a.py: def with param"
    ),
    pytest.param("a.py", 'import sqlmesh\ndef f(restate_models=("a",)):\n    pass\n', [], id="a.py: def default"),
    pytest.param(
        "a.py",
        ("import sqlmesh\nclass C(Config):\n    restate_models: list[str] | None = None\n"),
        [],
        id="a.py: annotated",
    ),
    pytest.param("a.py", "ctx.plan(restate_models=models or None)\n", [1], id="a.py: cond none"),
    pytest.param("a.py", "ctx.plan(restate_models=m if m else None)\n", [1], id="a.py: ifexp"),
    pytest.param("a.py", "# ctx.plan(restate_models=['a'])\nimport sqlmesh\n", [], id="a.py: comment pass"),
    pytest.param("a.py", 'ctx.plan(\n    "prod",\n    restate_models=["a"],\n)\n', [1], id="a.py: multi call line"),
    pytest.param("a.py", 'ctx.plan_builder(\n  "prod", restate_models=["a"]).build()\n', [1], id="a.py: chained"),
    pytest.param(
        "a.py",
        (
            "from dagster_sqlmesh import SQLMeshResource\n"
            'for e in sqlmesh.run(context, plan_options={"restate_models": ["a"]}):\n'
            "  yield e\n"
        ),
        [2],
        id="a.py: dagster_sqlmesh ctx",
    ),
    pytest.param(
        "a.py",
        ("from dagster_sqlmesh import SQLMeshResource\nsqlmesh.run(context, restate_selected=True)\n"),
        [2],
        id="a.py: restate_selected",
    ),
    pytest.param(
        "a.py",
        ("from dagster_sqlmesh import SQLMeshResource\nsqlmesh.run(context, restate_selected=False)\n"),
        [],
        id="a.py: restate_selected False",
    ),
    pytest.param(
        "a.py", 'import dagster_sqlmesh\no = PlanOptions(restate_models=["a"])\n', [2], id="a.py: typed dict call"
    ),
    pytest.param("a.py", 'ctx.plan("prod", restate_models=["a"], explain=True)\n', [], id="a.py: explain api"),
    pytest.param(
        "a.py",
        ('plan = ctx.plan("prod", restate_models=["a"], auto_apply=False, no_prompts=True)\n'),
        [1],
        id="a.py: no apply",
    ),
    pytest.param("a.py", 'log.info("sqlmesh plan -r a")\n', [], id="a.py: log"),
    pytest.param("a.py", 'print("sqlmesh plan --restate-model a")\n', [], id="a.py: print"),
    pytest.param("a.py", 'parser.add_argument("--restate-model", help="as sqlmesh plan")\n', [], id="a.py: help"),
    pytest.param("a.py", '@click.option("--restate-model", "-r")\ndef sqlmesh(): ...\n', [], id="a.py: click opt"),
    pytest.param("a.py", 'assert "--restate-model" in sqlmesh_args\n', [], id="a.py: assert in"),
    pytest.param("a.py", 'if arg == "--restate-model":\n    x = "sqlmesh"\n', [], id="a.py: compare"),
    pytest.param("a.py", 'sqlmesh_flags = ("--restate-model", "-r")\n', [1], id="a.py: tuple flags"),
    pytest.param("a.py", 'R = re.compile(r"sqlmesh plan .*--restate-model")\n', [], id="a.py: regex"),
    pytest.param(
        "a.py",
        ('X = "sqlmesh plan --restate-model rewrites tables in place, without undo."\n'),
        [1],
        id="a.py: startswith prose",
    ),
    pytest.param("a.py", 'c.run("sqlmesh plan -r a --explain")\n', [], id="a.py: explain cmd"),
    pytest.param(
        "a.py",
        ('run(["ops-restate-guard", "--check", "--", "sqlmesh", "plan", "-r", "a"])\n'),
        [],
        id="a.py: guard list",
    ),
    pytest.param("a.py", 'c.run("ops-restate-guard --check -- sqlmesh plan -r a")\n', [], id="a.py: guard str"),
    pytest.param("a.py", 'c.run("invoke ops.restate --model=a")\n', [], id="a.py: inv"),
    pytest.param(
        "a.py",
        ('raise Exit("use invoke ops.restate, not sqlmesh plan --restate-model " + m)\n'),
        [],
        id="a.py: logger warning fmt",
    ),
    pytest.param("a.py", "\ufeffctx.plan(restate_models=['a'])\n", [1], id="a.py: BOM"),
    pytest.param("a.py", "import os\r\nos.system('sqlmesh plan -r a')\r\n", [2], id="a.py: CRLF"),
    pytest.param("a.py", 'x = 1\n\x0cctx.plan(restate_models=["a"])\n', [2], id="a.py: form feed line"),
    pytest.param("a.py", 'x = "é"; ctx.plan(restate_models=["a"])\n', [1], id="a.py: unicode before"),
    pytest.param("a.py", 'x = """a\u2028b"""\nctx.plan(restate_models=["a"])\n', [2], id="a.py: null literal text"),
    pytest.param("a.py", 'pytest.param("sqlmesh plan -r a", id="x")\n', [1], id="a.py: decorated string test"),
    pytest.param("a.pyi", "x: str  # sqlmesh --restate-model\n", [], id="a.pyi: pyi"),
    pytest.param("noxfile.py", 'session.run("sqlmesh", "plan", "-r", "a")\n', [1], id="noxfile.py: noxfile"),
    pytest.param("a.py", "print 'x'\nos.system('sqlmesh plan -r a')\n", [2], id="a.py: py2"),
    pytest.param("a.py", 'run(["sqlmesh", "plan", "--restate-model", "a"]\n', [1], id="a.py: py syntax err"),
    pytest.param("x.py.j2", "ctx.plan(restate_models=['a'])\n", [1], id="x.py.j2: py.jinja"),
    pytest.param("a.py", 'x = "\\d"\nctx.plan(restate_models=["a"])\n', [2], id="a.py: py escape warn"),
    pytest.param(
        "a.py", 'X = "Restates models (sqlmesh plan --restate-model X); slow."\n', [], id="a.py: prose parens"
    ),
    pytest.param("a.py", 'X = "`sqlmesh plan --restate-model x` is for the tasks"\n', [], id="a.py: prose backticks"),
    pytest.param("a.py", 'E = """examples:\n  sqlmesh plan --restate-model x\n"""\n', [], id="a.py: help epilog"),
    pytest.param("a.py", 'p.add_argument("-r", help="as in (sqlmesh plan -r)")\n', [], id="a.py: argparse help"),
]


@pytest.mark.parametrize(("file", "text", "lines"), CASES)
def test_found_at_its_line_or_not_at_all(file: str, text: str, lines: list[int]) -> None:
    calls = find(file, text.encode())
    assert [call.line for call in calls] == lines, calls
    assert all(call.allowed is None and call.column >= 1 and "\n" not in call.text for call in calls)
