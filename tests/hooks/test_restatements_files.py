"""Restatements in recipes, instructions, units, settings, and files without an ending."""

from __future__ import annotations

import pytest

from hooks.restatements import find

CASES = [
    pytest.param("crontab", "* * * * * sqlmesh plan -r a\n", [1], id="crontab: every minute"),
    pytest.param("crontab", "*/5 * * * * root sqlmesh plan -r a\n", [1], id="crontab: every five minutes"),
    pytest.param("a.ini", "# a comment \\\nx = sqlmesh plan -r a\n", [2], id="a.ini: a comment is not continued"),
    pytest.param("Dockerfile", "# a comment \\\nRUN sqlmesh plan -r a\n", [2], id="Dockerfile: nor there"),
    pytest.param("Makefile", "# a comment \\\nx:\n\tsqlmesh plan -r a\n", [3], id="Makefile: nor there"),
    pytest.param("a.js", "// a \\\nrun('sqlmesh plan --restate-model a')\n", [2], id="a.js: nor there"),
    pytest.param("a.service", "[Service]\nExecStart=x 'sqlmesh plan -r a\n", [2], id="a.service: a quote left open"),
    pytest.param("x.zsh", "sqlmesh plan -r a\n", [1], id="x.zsh: zsh"),
    pytest.param("bin/j", "#!/usr/bin/env -S bash -e\nsqlmesh plan -r a\n", [2], id="bin/j: env -S"),
    pytest.param("x.fish", "sqlmesh plan -r a\n", [1], id="x.fish: fish"),
    pytest.param(".bashrc", "alias x='sqlmesh plan -r a'\n", [1], id=".bashrc: bashrc"),
    pytest.param(".bash_aliases", "alias x='sqlmesh plan --restate-model a'\n", [1], id=".bash_aliases: bash_aliases"),
    pytest.param("Dockerfile.prod", "RUN sqlmesh plan -r a\n", [1], id="Dockerfile.prod: dockerfile suffix"),
    pytest.param("app.Dockerfile", "RUN sqlmesh plan -r a\n", [1], id="app.Dockerfile: x.Dockerfile"),
    pytest.param("run.sh.tmpl", "sqlmesh plan --restate-model a\n", [1], id="run.sh.tmpl: sh template"),
    pytest.param("run.sh.j2", "sqlmesh plan -r a\n", [1], id="run.sh.j2: sh j2 short"),
    pytest.param("Makefile", "SM = sqlmesh\nx:\n\t$(SM) plan prod -r a\n", [3], id="Makefile: make var short"),
    pytest.param("Makefile", "x: ; sqlmesh plan -r a\n", [1], id="Makefile: make oneline"),
    pytest.param("Makefile", "x: y; sqlmesh plan -r a\n", [1], id="Makefile: make oneline2"),
    pytest.param("Makefile", "# don't\nx:\n\tsqlmesh plan -r a\n", [3], id="Makefile: make apostrophe comment"),
    pytest.param("Makefile", "x:\n\t@echo 'sqlmesh plan -r a'\n", [], id="Makefile: make echo"),
    pytest.param("Makefile", "x:\n\t+sqlmesh plan -r a\n", [2], id="Makefile: make +"),
    pytest.param("Makefile", "define D\nsqlmesh plan -r a\nendef\n", [2], id="Makefile: make define"),
    pytest.param("Makefile", "X := $(shell sqlmesh plan -r a)\n", [1], id="Makefile: make shell fn"),
    pytest.param("Makefile", "x: ## sqlmesh plan --restate-model a\n\tls\n", [], id="Makefile: make help ##"),
    pytest.param("Makefile", "$(info use sqlmesh plan --restate-model a)\n", [], id="Makefile: make $(info"),
    pytest.param("Makefile", "X = don't\ny:\n\tsqlmesh plan -r a\n", [3], id="Makefile: make unbalanced quote"),
    pytest.param(
        "Makefile",
        ("x:\n\t$(if $(M),,$(error M is not set))\n\tsqlmesh plan prod -r $(M)\n"),
        [3],
        id="Makefile: make parens",
    ),
    pytest.param("Makefile", "x:\n\t$(error use sqlmesh plan --restate-model a)\n", [], id="Makefile: make error msg"),
    pytest.param(
        "Makefile", "ifeq ($(A),'b')\nX=1\nendif\nx:\n\tsqlmesh plan -r $(M) # ok\n", [5], id="Makefile: make ifdef"
    ),
    pytest.param("Makefile", "x:\n\tfor m in a b; do sqlmesh plan -r $$m; done\n", [2], id="Makefile: make $$"),
    pytest.param(
        "justfile",
        ("# sqlmesh plan -r a\n[private]\nx m:\n    -@sqlmesh plan prod \\\n      -r {{m}}\n"),
        [4],
        id="justfile: just attr",
    ),
    pytest.param("justfile", "set shell := ['bash', '-c']\nx:\n  sqlmesh plan -r a\n", [3], id="justfile: just set"),
    pytest.param("justfile", "x:\n    #!/usr/bin/env bash\n    sqlmesh plan -r a\n", [3], id="justfile: just shebang"),
    pytest.param("Justfile", "x:\n    sqlmesh plan -r a\n", [2], id="Justfile: just caps"),
    pytest.param("ops.just", "x:\n    sqlmesh plan -r a\n", [2], id="ops.just: x.just"),
    pytest.param("justfile", "# it's\nx:\n    echo it's\n    sqlmesh plan -r a\n", [4], id="justfile: just apostrophe"),
    pytest.param(
        "Dockerfile",
        'ENTRYPOINT ["sqlmesh", \\\n  "plan", "--restate-model", "a"]\n',
        [1],
        id="Dockerfile: docker entry",
    ),
    pytest.param("Dockerfile", 'CMD ["sh", "-c", "sqlmesh plan -r a"]\n', [1], id="Dockerfile: docker sh -c"),
    pytest.param(
        "Dockerfile", 'ENTRYPOINT ["sqlmesh"]\nCMD ["plan", "-r", "a"]\n', [2], id="Dockerfile: docker entry+cmd"
    ),
    pytest.param("Dockerfile", "RUN <<EOF\nsqlmesh plan -r a\nEOF\n", [2], id="Dockerfile: docker heredoc"),
    pytest.param(
        "Dockerfile", "RUN --mount=type=cache,target=/x sqlmesh plan -r a\n", [1], id="Dockerfile: docker --mount"
    ),
    pytest.param(
        "Dockerfile", "RUN ls && \\\n # don't\n sqlmesh plan -r a\n", [3], id="Dockerfile: docker comment mid"
    ),
    pytest.param("Dockerfile", 'ENV F="--restate-model a"\n', [1], id="Dockerfile: docker env"),
    pytest.param("Dockerfile", 'LABEL d="sqlmesh plan --restate-model a"\n', [], id="Dockerfile: docker label"),
    pytest.param("Dockerfile", '# CMD ["sqlmesh", "plan", "-r", "a"]\n', [], id="Dockerfile: docker comment"),
    pytest.param("Containerfile", "RUN sqlmesh plan -r a\n", [1], id="Containerfile: containerfile"),
    pytest.param("etc/crontab", "0 3 * * * ops cd /x && sqlmesh plan -r a\n", [1], id="etc/crontab: crontab pct"),
    pytest.param("etc/cron.d/nightly", "0 3 * * * root sqlmesh plan -r a\n", [1], id="etc/cron.d/nightly: cron.d"),
    pytest.param("x.cron", "@daily sqlmesh plan -r a\n", [1], id="x.cron: cron @daily"),
    pytest.param("ops.crontab", "@daily sqlmesh plan -r a\n", [1], id="ops.crontab: cron tab"),
    pytest.param("crontab", "# 0 3 * * * sqlmesh plan -r a\n", [], id="crontab: cron comment"),
    pytest.param(
        "a.service",
        "[Service]\nExecStart=/bin/bash -c 'cd x; \\\n  sqlmesh plan -r a'\n",
        [2],
        id="a.service: unit cont",
    ),
    pytest.param("a.service", "[Service]\nExecStartPre=-/usr/bin/sqlmesh plan -r a\n", [2], id="a.service: unit pre"),
    pytest.param("a.service", "[Unit]\nDescription=sqlmesh plan --restate-model a\n", [], id="a.service: unit desc"),
    pytest.param("a.service", "; sqlmesh plan --restate-model a\n", [], id="a.service: unit ; comment"),
    pytest.param(
        "a.service",
        ("[Unit]\nDescription=Sam's\n[Service]\nExecStart=/usr/bin/sqlmesh plan -r a\n"),
        [4],
        id="a.service: unit apostrophe",
    ),
    pytest.param(
        "tox.ini", "[testenv]\ncommands =\n    ls\n    sqlmesh plan \\\n      -r a\n", [4], id="tox.ini: tox multi"
    ),
    pytest.param(
        "tox.ini", "[testenv]\ndescription = use sqlmesh plan --restate-model a\n", [], id="tox.ini: tox desc"
    ),
    pytest.param(".envrc", "export F='--restate-model a'\n", [1], id=".envrc: envrc"),
    pytest.param(".env", "F=--restate-model a\n", [1], id=".env: .env"),
    pytest.param(".env.prod", "F='--restate-model a'\n", [1], id=".env.prod: dotenv.prod"),
    pytest.param("s.conf", "[program:x]\ncommand=sqlmesh plan -r a\n", [2], id="s.conf: supervisord"),
    pytest.param("setup.cfg", "[x]\ny = sqlmesh plan -r a\n", [2], id="setup.cfg: setup.cfg"),
    pytest.param("x.ini", "[a]\nb = it's\nc = sqlmesh plan -r a\n", [3], id="x.ini: ini apostrophe"),
    pytest.param(
        "pyproject.toml", '[tool.poe.tasks]\nx = ["sqlmesh", "plan", "-r", "a"]\n', [2], id="pyproject.toml: poe list"
    ),
    pytest.param(
        "pyproject.toml",
        "[tool.poe.tasks.x]\nshell = '''\nls\nsqlmesh plan -r a\n'''\n",
        [4],
        id="pyproject.toml: poe shell",
    ),
    pytest.param(
        "pyproject.toml",
        ('[tool.poe.tasks]\nx = {cmd = "sqlmesh plan -r a", help = "sqlmesh plan -r a"}\n'),
        [2],
        id="pyproject.toml: poe inline",
    ),
    pytest.param(
        "pyproject.toml",
        ('[tool.hatch.envs.default.scripts]\nx = [\n  "ls",\n  "sqlmesh plan -r a",\n]\n'),
        [4],
        id="pyproject.toml: hatch",
    ),
    pytest.param(
        "pyproject.toml",
        '[project]\ndescription = "how to use sqlmesh plan --restate-model"\n',
        [],
        id="pyproject.toml: desc",
    ),
    pytest.param(
        "pyproject.toml", '# x = "sqlmesh plan -r a"\n[project]\nname = "sqlmesh"\n', [], id="pyproject.toml: comment"
    ),
    pytest.param(
        "pyproject.toml",
        '[project]\nname = "sqlmesh" # not --restate-model\n',
        [],
        id="pyproject.toml: trailing comment",
    ),
    pytest.param(
        "pyproject.toml", '# don\'t\n[tool.x]\ny = "sqlmesh plan -r a"\n', [3], id="pyproject.toml: comment apostrophe"
    ),
    pytest.param(
        "pyproject.toml", '[tool.x]\ny = """\nsqlmesh plan \\\n -r a\n"""\n', [3], id="pyproject.toml: multi basic"
    ),
    pytest.param(
        "pyproject.toml",
        '[tool.x]\ny = [\n  "sqlmesh",\n  "plan",\n  "-r",\n  "a",\n]\n',
        [2],
        id="pyproject.toml: list multi",
    ),
    pytest.param("pyproject.toml", '[x\ny = "sqlmesh plan -r a"\n', [2], id="pyproject.toml: bad toml"),
    pytest.param(
        "pyproject.toml", '[tool.x]\ny = "$SQLMESH plan --restate-model a"\n', [2], id="pyproject.toml: program in var"
    ),
    pytest.param("README", "sqlmesh plan -r a\n--restate-model x\n", [], id="README: prose"),
    pytest.param("docs/x.md", "sqlmesh plan -r a\n--restate-model x\n", [], id="docs/x.md: prose"),
    pytest.param("a.rst", "sqlmesh plan -r a\n--restate-model x\n", [], id="a.rst: prose"),
    pytest.param("a.txt", "sqlmesh plan -r a\n--restate-model x\n", [], id="a.txt: prose"),
    pytest.param("a.sql", "sqlmesh plan -r a\n--restate-model x\n", [], id="a.sql: prose"),
    pytest.param("CHANGELOG", "sqlmesh plan -r a\n--restate-model x\n", [], id="CHANGELOG: prose"),
    pytest.param("x.adoc", "sqlmesh plan -r a\n--restate-model x\n", [], id="x.adoc: prose"),
    pytest.param("x.ts", 'exec("sqlmesh plan -r a")\n', [1], id="x.ts: ts"),
    pytest.param("x.go", 'exec.Command("sqlmesh", "plan", "--restate-model", m)\n', [1], id="x.go: go"),
    pytest.param("x.rb", 'system "sqlmesh plan --restate-model a"\n', [1], id="x.rb: ruby"),
    pytest.param("x.bat", "sqlmesh plan --restate-model a\n", [1], id="x.bat: bat"),
    pytest.param("x.bat", "sqlmesh plan -r a\n", [1], id="x.bat: bat short"),
    pytest.param("x.ps1", "sqlmesh plan -r a\n", [1], id="x.ps1: ps1"),
    pytest.param("x.tf", 'command = "sqlmesh plan --restate-model a"\n', [1], id="x.tf: hcl"),
    pytest.param("Jenkinsfile", "sh 'sqlmesh plan -r a'\n", [1], id="Jenkinsfile: jenkins"),
    pytest.param("Jenkinsfile", "sh '''\n  ls\n  sqlmesh plan -r a\n'''\n", [3], id="Jenkinsfile: jenkins multi"),
    pytest.param("x.nix", 'run = "sqlmesh plan --restate-model a";\n', [1], id="x.nix: nix"),
    pytest.param(".husky/pre-push", "sqlmesh plan -r a\n", [1], id=".husky/pre-push: extless no shebang"),
    pytest.param("bin/redo", "sqlmesh plan -r a\n", [1], id="bin/redo: bin no shebang"),
    pytest.param("scripts/redo", "sqlmesh plan -r a\n", [1], id="scripts/redo: scripts no shebang"),
]


@pytest.mark.parametrize(("file", "text", "lines"), CASES)
def test_found_at_its_line_or_not_at_all(file: str, text: str, lines: list[int]) -> None:
    calls = find(file, text.encode())
    assert [call.line for call in calls] == lines, calls
    assert all(call.allowed is None and call.column >= 1 and "\n" not in call.text for call in calls)
