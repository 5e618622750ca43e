"""Which files call a restatement: found at its line, not found where it is only told, allowed where a reason stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hooks.restate_guard import main
from hooks.restatements import find

S = "#!/bin/sh\n"
Case = tuple[str, str, str, list[int]]

SHELL: list[Case] = [
    ("plain", "job.sh", "sqlmesh plan prod --restate-model a.b\n", [1]),
    ("equals", "job.sh", "sqlmesh plan --restate-model=a.b\n", [1]),
    ("short", "job.sh", "sqlmesh plan prod -r a.b\n", [1]),
    ("short, attached", "job.sh", "sqlmesh plan prod -ra.b\n", [1]),
    ("short, in a cluster", "job.sh", "sqlmesh plan prod -vr a.b\n", [1]),
    ("global options first", "job.sh", "sqlmesh -p dir --gateway g plan prod -r x\n", [1]),
    ("continued", "job.sh", "set -e\nsqlmesh plan prod \\\n  --no-prompts \\\n  -r a.b\n", [2]),
    ("continued, CRLF", "job.sh", "sqlmesh plan prod \\\r\n  -r a.b\r\n", [1]),
    ("behind &&", "job.sh", "cd x && sqlmesh plan -r a\n", [1]),
    ("in a pipeline", "job.sh", "yes | sqlmesh plan -r a | tee log\n", [1]),
    ("environment first", "job.sh", "A=1 B='2 3' sqlmesh plan -r a\n", [1]),
    ("env", "job.sh", "env A=1 sqlmesh plan -r a\n", [1]),
    ("uv run", "job.sh", "uv run sqlmesh plan -r a\n", [1]),
    ("python -m", "job.sh", "python -m sqlmesh.cli.main plan -r a\n", [1]),
    ("a path", "job.sh", ".venv/bin/sqlmesh plan -r a\n", [1]),
    ("sudo and time", "job.sh", "sudo -u ops time sqlmesh plan -r a\n", [1]),
    ("xargs", "job.sh", "cat models | xargs -n1 sqlmesh plan prod -r\n", [1]),
    ("bash -c", "job.sh", 'bash -c "cd x; sqlmesh plan -r a"\n', [1]),
    ("ssh", "job.sh", "ssh box 'sqlmesh plan -r a'\n", [1]),
    ("substitution", "job.sh", "out=$(sqlmesh plan -r a)\n", [1]),
    ("substitution in quotes", "job.sh", 'echo "said: $(sqlmesh plan -r a)"\n', [1]),
    ("backticks", "job.sh", "out=`sqlmesh plan -r a`\n", [1]),
    ("a variable as program", "job.sh", "$SQLMESH plan prod --restate-model x\n", [1]),
    ("an array", "job.sh", "cmd=(sqlmesh plan --restate-model x)\n", [1]),
    ("flags in a variable", "job.sh", 'FLAGS="--restate-model x"\nsqlmesh plan $FLAGS\n', [1]),
    ("a function", "job.sh", "again() {\n  sqlmesh plan -r a\n}\n", [2]),
    ("if", "job.sh", "if true; then\n  sqlmesh plan -r a\nfi\n", [2]),
    ("for", "job.sh", "for m in a b; do sqlmesh plan -r $m; done\n", [1]),
    ("a heredoc for a shell", "job.sh", "bash <<EOF\nsqlmesh plan -r a\nEOF\n", [2]),
    ("a heredoc over ssh", "job.sh", "ssh box <<'END'\ncd x\nsqlmesh plan -r a\nEND\n", [3]),
    ("echo into a shell", "job.sh", "echo 'sqlmesh plan -r a' | bash\n", [1]),
    ("two", "job.sh", "sqlmesh plan -r a\nls\nsqlmesh plan -r b\n", [1, 3]),
    ("a shebang", "bin/job", f"{S}sqlmesh plan -r a\n", [2]),
    ("background", "job.sh", "sqlmesh plan -r a &\n", [1]),
    ("subshell", "job.sh", "(cd x; sqlmesh plan -r a)\n", [1]),
    ("quoted words", "job.sh", "'sqlmesh' \"plan\" prod '-r' a\n", [1]),
    ("a BOM", "job.sh", "\ufeffsqlmesh plan -r a\n", [1]),
]
SHELL_NONE: list[Case] = [
    ("rsync", "job.sh", "rsync -r sqlmesh plan/ box:\n", []),
    ("rm", "job.sh", "rm -rf .sqlmesh\nsqlmesh plan prod\n", []),
    ("a comment", "job.sh", "# sqlmesh plan --restate-model x\nsqlmesh plan prod # or -r x\n", []),
    ("echo", "job.sh", 'echo "use sqlmesh plan --restate-model x"\n', []),
    ("echo, bare words", "job.sh", "echo sqlmesh plan -r x >&2\n", []),
    ("grep", "job.sh", "grep -rn -- --restate-model .\n", []),
    ("run", "job.sh", "sqlmesh run prod\n", []),
    ("explain", "job.sh", "sqlmesh plan prod --restate-model a --explain\n", []),
    ("another program", "job.sh", "terraform plan -r x\n", []),
    ("-r before plan", "job.sh", "sqlmesh -r plan\n", []),
    ("a heredoc that is a file", "job.sh", "cat > notes <<EOF\nsqlmesh plan -r a\nEOF\n", []),
    ("the guarded task", "job.sh", "invoke ops.restate --model=a.b --start=2026-01-01\n", []),
    ("guarded", "job.sh", "ops-restate-guard --check --max-age=6h -- sqlmesh plan prod -r a\n", []),
    ("guarded as a module", "job.sh", "python -m ops_hooks.restate_guard --check -- sqlmesh plan -r a\n", []),
    ("prose in a readme", "README.md", "    sqlmesh plan --restate-model x\n", []),
    ("text", "notes.txt", "sqlmesh plan -r x\n", []),
    ("sql", "q.sql", "-- sqlmesh plan --restate-model x\n", []),
    ("no ending, no shebang", "LICENSE", "sqlmesh plan -r x\n", []),
    ("a commit message", "job.sh", "git commit -m 'sqlmesh plan --restate-model x'\n", []),
    ("the other command", "job.sh", "sqlmesh plan prod; ls -r x\n", []),
    ("table diff", "job.sh", "sqlmesh table_diff a:b x\n", []),
]
BUILD: list[Case] = [
    ("make", "Makefile", "load:\n\t@sqlmesh plan -r a\n", [2]),
    ("make, ignored errors", "Makefile", "load:\n\t-@sqlmesh plan prod \\\n\t  -r a\n", [2]),
    ("make, a variable", "rules.mk", "FLAGS := --restate-model a\n", [1]),
    ("make, a comment", "Makefile", "# sqlmesh plan -r a\nload:\n\tsqlmesh run\n", []),
    ("just", "justfile", "load:\n    @sqlmesh plan -r {{model}}\n", [2]),
    ("docker, shell form", "Dockerfile", "FROM x\nRUN cd a && \\\n    sqlmesh plan -r a\n", [3]),
    ("docker, exec form", "Dockerfile.dev", 'CMD ["sqlmesh", "plan", "-r", "a"]\n', [1]),
    ("docker, harmless", "Dockerfile", 'CMD ["sqlmesh", "run"]\n', []),
    ("crontab", "crontab", "0 3 * * * cd x && sqlmesh plan prod -r a\n", [1]),
    ("systemd", "load.service", "[Service]\nExecStart=/usr/bin/sqlmesh plan prod -r a\n", [2]),
    ("procfile", "Procfile", "worker: sqlmesh plan -r a\n", [1]),
    ("tox", "tox.ini", "[testenv]\ncommands = sqlmesh plan -r a\n", [2]),
    ("pyproject", "pyproject.toml", '[tool.x]\ntask = "sqlmesh plan -r a"\n', [2]),
    ("package.json", "package.json", '{"scripts": {\n "load": "cd x && sqlmesh plan -r a"\n}}', [2]),
    ("json, prose", "x.json", '{"description": "how to use sqlmesh plan -r a"}', []),
    ("javascript", "load.js", 'run("sqlmesh plan --restate-model a")\n', [1]),
    ("javascript, a comment", "load.js", "// sqlmesh plan --restate-model a\n", []),
]
YAML: list[Case] = [
    ("a workflow", ".github/workflows/a.yml", "jobs:\n  a:\n    steps:\n      - run: sqlmesh plan -r a\n", [4]),
    (
        "a workflow, block",
        ".github/workflows/a.yml",
        "jobs:\n  a:\n    steps:\n      - run: |\n          ls\n          sqlmesh plan \\\n            -r a\n",
        [6],
    ),
    (
        "a workflow, folded",
        ".github/workflows/a.yaml",
        "jobs:\n  a:\n    steps:\n      - run: >-\n          sqlmesh plan prod\n          -r a\n",
        [5],
    ),
    (
        "a workflow, a name and a comment",
        ".github/workflows/a.yml",
        "jobs:\n  a:\n    steps:\n    # sqlmesh plan -r a\n    - name: sqlmesh plan --restate-model a\n      run: ls\n",
        [],
    ),
    ("an action", ".github/actions/a/action.yml", "runs:\n  steps:\n    - run: sqlmesh plan -r a\n", [3]),
    ("a taskfile", "Taskfile.yml", "tasks:\n  a:\n    cmds:\n      - sqlmesh plan -r a\n", [4]),
    (
        "a taskfile, cmd",
        "Taskfile.dist.yaml",
        'tasks:\n  a: {desc: sqlmesh plan -r a, cmd: "sqlmesh plan -r a"}\n',
        [2],
    ),
    ("a taskfile, an object", "Taskfile.yml", "tasks:\n  a:\n    cmds:\n      - cmd: sqlmesh plan -r a\n", [4]),
    ("a taskfile, guarded", "Taskfile.yml", "tasks:\n  a: {cmd: 'invoke ops.restate --model=a'}\n", []),
    ("gitlab", ".gitlab-ci.yml", "a:\n  script:\n    - ls\n    - |\n      sqlmesh plan -r a\n", [5]),
    ("compose", "docker-compose.yml", "services:\n  a:\n    command: sqlmesh plan -r a\n", [3]),
    ("a list", "pod.yaml", "args: [sqlmesh, plan, prod, --restate-model, a]\n", [1]),
    ("a block list", "pod.yaml", "command:\n  - sqlmesh\n  - plan\n  - -r\n  - a\n", [2]),
    ("pre-commit", ".pre-commit-config.yaml", "repos:\n- hooks:\n  - entry: sqlmesh plan -r a\n", [3]),
    ("a description", "x.yml", "description: sqlmesh plan --restate-model a mends it\n", []),
    ("prose elsewhere", "x.yml", "note: use sqlmesh plan -r a\n", []),
    ("two documents", "x.yml", "a: 1\n---\nrun: sqlmesh plan -r a\n", [3]),
    ("an anchor", "x.yml", "a: &x\n  run: sqlmesh plan -r a\nb: *x\n", [2]),
    ("not YAML", "x.yml", "{% if x %}\nsqlmesh plan -r a\n{% endif %}\n", [2]),
]
PYTHON: list[Case] = [
    ("a list", "a.py", 'run(["sqlmesh", "plan", "--restate-model", x])\n', [1]),
    ("a list, short", "a.py", 'subprocess.run(["sqlmesh", "plan",\n  "-r", f"{a}.b"])\n', [1]),
    ("a kept list", "a.py", 'CMD = ("sqlmesh", "plan", "-r", "a")\n', [1]),
    ("a splat", "a.py", 'run(["sqlmesh", *more, "plan", "-r", m])\n', [1]),
    ("shell=True", "a.py", 'subprocess.run("sqlmesh plan -r a", shell=True)\n', [1]),
    ("os.system", "a.py", 'import os\nos.system("cd x; sqlmesh plan -r a")\n', [2]),
    ("c.run", "tasks.py", 'def a(c):\n    c.run(\n        f"sqlmesh plan {env} "\n        f"-r {m}"\n    )\n', [2]),
    ("format", "a.py", 'c.run("sqlmesh plan -r {}".format(m))\n', [1]),
    ("percent", "a.py", 'c.run("sqlmesh plan -r %s" % m)\n', [1]),
    ("added", "a.py", 'c.run("sqlmesh plan -r " + m)\n', [1]),
    ("a kept text", "a.py", 'COMMAND = "sqlmesh plan --restate-model a"\n', [1]),
    ("the API", "a.py", 'context.plan("prod", restate_models=["a"])\n', [1]),
    ("the API, a variable", "a.py", "ctx.plan(restate_models=models, no_prompts=True)\n", [1]),
    ("the builder", "a.py", "PlanBuilder(diff, restate_models=x).build()\n", [1]),
    ("dagster-sqlmesh", "a.py", 'sqlmesh.run(context, restate_models=["a"])\n', [1]),
    ("a dict", "a.py", 'import sqlmesh\nmore = {"restate_models": ["a"]}\nctx.plan(**more)\n', [2]),
    ("a dict call", "a.py", 'more = dict(restate_models=["a"])\n', [1]),
    ("a notebook", "a.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": ["!sqlmesh plan -r a"]}]}), [1]),
    ("a magic", "a.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": "%plan --restate-model a"}]}), [1]),
    (
        "a notebook, prose",
        "a.ipynb",
        json.dumps({"cells": [{"cell_type": "markdown", "source": "sqlmesh plan -r a"}]}),
        [],
    ),
    ("nothing", "a.py", 'ctx.plan("prod", restate_models=None)\nctx.plan(restate_models=[])\n', []),
    ("a docstring", "a.py", '"""sqlmesh plan --restate-model a"""\ndef f():\n    "sqlmesh plan -r a"\n', []),
    ("a comment", "a.py", "# sqlmesh plan --restate-model a\n", []),
    ("a message", "a.py", 'raise ValueError("use sqlmesh plan --restate-model a")\n', []),
    ("another list", "a.py", 'run(["rsync", "-r", "sqlmesh", "plan"])\n', []),
    ("explain", "a.py", 'run(["sqlmesh", "plan", "-r", "a", "--explain"])\n', []),
    ("a dict elsewhere", "a.py", 'x = {"restate_models": ["a"]}\n', []),
    ("broken Python", "a.py", "def (:\nsqlmesh plan -r a\n", [2]),
]
CASES = [*SHELL, *SHELL_NONE, *BUILD, *YAML, *PYTHON]


@pytest.mark.parametrize(("name", "file", "text", "lines"), CASES, ids=[f"{c[1]}: {c[0]}" for c in CASES])
def test_found_at_its_line_or_not_at_all(name: str, file: str, text: str, lines: list[int]) -> None:
    calls = find(file, text.encode())
    assert [call.line for call in calls] == lines, calls
    assert all(call.allowed is None and call.file == file and call.column >= 1 for call in calls)


ALLOWED = [
    ("same line", "job.sh", "sqlmesh plan -r a  # ops-allow: restate -- nightly copy\n", "nightly copy"),
    ("line above", "job.sh", "# ops-allow: restate -- a copy\nsqlmesh plan -r a\n", "a copy"),
    ("last line of it", "job.sh", "sqlmesh plan \\\n  -r a # ops-allow: restate -- a copy\n", "a copy"),
    ("no reason", "job.sh", "sqlmesh plan -r a # ops-allow: restate --\n", None),
    ("no dashes", "job.sh", "sqlmesh plan -r a # ops-allow: restate please\n", None),
    ("another rule", "job.sh", "sqlmesh plan -r a # ops-allow: no-freshness -- x\n", None),
    ("too far above", "job.sh", "# ops-allow: restate -- x\n\nsqlmesh plan -r a\n", None),
    ("of the line before", "job.sh", "ls # ops-allow: restate -- x\nsqlmesh plan -r a\n", None),
    ("make", "Makefile", "a:\n\tsqlmesh plan -r a # ops-allow: restate -- x y\n", "x y"),
    ("yaml", "Taskfile.yml", "a:\n  cmds:\n    # ops-allow: restate -- x\n    - sqlmesh plan -r a\n", "x"),
    ("yaml, beside", "x.yml", "run: sqlmesh plan -r a  # ops-allow: restate -- x\n", "x"),
    ("python", "a.py", 'run(["sqlmesh", "plan",\n  "-r", "a"])  # ops-allow: restate -- x\n', "x"),
    ("python, above", "a.py", '# ops-allow: restate -- x\nctx.plan(restate_models=["a"])\n', "x"),
]


@pytest.mark.parametrize(("name", "file", "text", "reason"), ALLOWED, ids=[f"{c[1]}: {c[0]}" for c in ALLOWED])
def test_a_reason_beside_it_allows_it(name: str, file: str, text: str, reason: str | None) -> None:
    (call,) = find(file, text.encode())
    assert call.allowed == reason


NAMES = [
    "a.sh",
    "a.py",
    "a.yml",
    ".github/workflows/a.yml",
    "Makefile",
    "Dockerfile",
    "a.ipynb",
    "a.toml",
    "a.json",
    "a.js",
]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(NAMES),
    st.lists(
        st.sampled_from(
            [*"'\"`$(){}|&;<>\\#\n\t -:[]", "sqlmesh plan", " -r a", "EOF", "<<EOF", "restate", "\r\n", "é", "run: |\n"]
        ),
        max_size=25,
    ),
)
def test_no_text_breaks_it(name: str, parts: list[str]) -> None:
    text = "".join(parts) + " sqlmesh"
    for call in find(name, text.encode()):
        assert 1 <= call.line <= text.count("\n") + 1


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.sampled_from(NAMES), st.binary(max_size=60))
def test_no_bytes_break_it(name: str, content: bytes) -> None:
    find(name, b"sqlmesh " + content)


def test_the_hook_lists_refuses_and_allows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, fine, prose = tmp_path / "bad.sh", tmp_path / "fine.sh", tmp_path / "a.md"
    bad.write_text("ls\n  sqlmesh plan prod \\\n -r a\n")
    fine.write_text("sqlmesh plan -r a # ops-allow: restate -- a copy\n")
    prose.write_text("sqlmesh plan -r a\n")
    assert main([str(fine), str(prose)]) == 0
    out = capsys.readouterr().out
    assert f"{fine}:1:1: allowed: a copy: sqlmesh plan -r a" in out
    assert "2 files: no restatement outside of the guard, 1 allowed" in out
    assert main(["--", str(bad), str(fine)]) == 1
    out = capsys.readouterr().out
    assert f"{bad}:2:3: restates without the guard: sqlmesh plan prod -r a" in out
    assert "1 of 2 restatements are outside of the guard: use invoke ops.restate" in out
    assert "# ops-allow: restate -- <reason>" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no file to look at"),
        (["nowhere.sh"], "nowhere.sh cannot be read: No such file"),
        (["--max-age=1h", "x.sh"], "--max-age and --stack go with --check"),
        (["--check", "x.sh"], "--check takes no files"),
        (["--check", "--"], "no command behind --"),
        (["--check", "--max-age=soon"], "--max-age: 'soon' is no duration"),
    ],
)
def test_what_cannot_be_meant_is_exit_2(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert told in said
    assert len(said.splitlines()) == 1


def test_links_and_folders_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "real.sh").write_text("sqlmesh plan -r a\n")
    (tmp_path / "link.sh").symlink_to("real.sh")
    (tmp_path / "gone.sh").symlink_to("nowhere")
    (tmp_path / "folder").mkdir()
    assert main([str(tmp_path / name) for name in ("link.sh", "gone.sh", "folder")]) == 0
