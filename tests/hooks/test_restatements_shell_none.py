"""What is no restatement in a shell script, however much it looks like one."""

from __future__ import annotations

import pytest

from hooks.restatements import find

CASES = [
    pytest.param("job.sh", "ops-restate-guard --check -- bash -c 'sqlmesh plan -r a'\n", [], id="job.sh: guard --help"),
    pytest.param("job.sh", "ops-restate-guard --check \\\n  -- sqlmesh plan \\\n  -r a\n", [], id="job.sh: guard cont"),
    pytest.param("job.sh", "sqlmesh_cicd -r x\n", [], id="job.sh: sqlmesh_cicd not plan"),
    pytest.param("job.sh", 'printf "use sqlmesh plan --restate-model x\\n"\n', [], id="job.sh: printf"),
    pytest.param("job.sh", "echo -e 'sqlmesh plan -r x'\n", [], id="job.sh: echo -e"),
    pytest.param("job.sh", "echo 'sqlmesh plan -r x' > help.txt\n", [], id="job.sh: echo into file"),
    pytest.param("job.sh", "echo 'sqlmesh plan -r a' | tee log\n", [], id="job.sh: echo | tee"),
    pytest.param("job.sh", "echo 'sqlmesh plan -r a' | grep plan\n", [], id="job.sh: echo|grep"),
    pytest.param("job.sh", "grep -r 'sqlmesh plan' docs\n", [], id="job.sh: grep -r"),
    pytest.param("job.sh", "rg -- '--restate-model' docs\n", [], id="job.sh: rg"),
    pytest.param("job.sh", "git log -S'--restate-model' -- .\n", [], id="job.sh: git log -S"),
    pytest.param("job.sh", "git grep -n -- --restate-model\n", [], id="job.sh: git grep"),
    pytest.param(
        "job.sh",
        ("usage() {\n  cat <<EOF\nusage: sqlmesh plan --restate-model X\nEOF\n}\n"),
        [],
        id="job.sh: usage function",
    ),
    pytest.param("job.sh", "cat >&2 <<'EOF'\n  sqlmesh plan -r x\nEOF\n", [], id="job.sh: cat>&2 heredoc"),
    pytest.param("job.sh", "sqlmesh plan dev  # not --restate-model\n", [], id="job.sh: dev comment after"),
    pytest.param("job.sh", ": 'sqlmesh plan --restate-model a'\n", [], id="job.sh: colon doc"),
    pytest.param("job.sh", 'die "never sqlmesh plan -r x"\n', [], id="job.sh: die msg"),
    pytest.param("job.sh", 'test -f x || die "use sqlmesh plan --restate-model x"\n', [], id="job.sh: die after ||"),
    pytest.param("job.sh", '{ echo "sqlmesh plan --restate-model a"; exit 1; }\n', [], id="job.sh: { echo"),
    pytest.param("job.sh", 'if x; then echo "sqlmesh plan --restate-model x"; fi\n', [], id="job.sh: if echo"),
    pytest.param(
        "job.sh", "if x; then\n  ls\nelse echo 'sqlmesh plan --restate-model x'\nfi\n", [], id="job.sh: else echo"
    ),
    pytest.param(
        "job.sh", "case $1 in\n  -h) echo 'sqlmesh plan --restate-model a' ;;\nesac\n", [], id="job.sh: case echo"
    ),
    pytest.param(
        "job.sh", "for i in a; do printf 'sqlmesh plan --restate-model a'; done\n", [], id="job.sh: do printf"
    ),
    pytest.param("job.sh", "if ! grep -q -- --restate-model x; then ls; fi\n", [], id="job.sh: ! grep"),
    pytest.param("job.sh", "sudo grep -- --restate-model x\n", [], id="job.sh: sudo grep"),
    pytest.param("job.sh", "ls | xargs grep -- --restate-model\n", [], id="job.sh: xargs grep"),
    pytest.param("job.sh", 'usage() { echo "sqlmesh plan --restate-model x"; }\n', [], id="job.sh: f() { echo"),
    pytest.param("job.sh", '>&2 echo "sqlmesh plan --restate-model x"\n', [], id="job.sh: >&2 echo"),
    pytest.param("job.sh", "[[ $1 == --restate-model ]] && exit 1\n", [], id="job.sh: [[ == flag"),
    pytest.param("job.sh", "case $1 in\n  --restate-model) exit 1 ;;\nesac\n", [], id="job.sh: case flag"),
    pytest.param("job.sh", 'if [ "$1" = "--restate-model" ]; then exit 1; fi\n', [], id="job.sh: [ flag ]"),
    pytest.param(
        "job.sh", 'MSG="do not use sqlmesh plan --restate-model by hand"\n', [], id="job.sh: message in variable"
    ),
    pytest.param(
        "job.sh", "gh pr comment --body 'do not run sqlmesh plan --restate-model x'\n", [], id="job.sh: gh body"
    ),
    pytest.param("job.sh", "sed -i 's/--restate-model x//' f\n", [], id="job.sh: sed"),
    pytest.param("job.sh", "awk '/--restate-model/' f\n", [], id="job.sh: awk"),
    pytest.param("job.sh", "read -p 'run sqlmesh plan -r x? ' y\n", [], id="job.sh: read prompt"),
    pytest.param("job.sh", "sqlmesh plan dev | grep -r x\n", [], id="job.sh: -r later command"),
    pytest.param("job.sh", "sqlmesh plan dev && rm -r x\n", [], id="job.sh: && rm -r"),
    pytest.param("job.sh", "sqlmesh plan $(ls -r) dev\n", [], id="job.sh: subst rm"),
    pytest.param("job.sh", "sqlmesh plan prod --run\n", [], id="job.sh: --run"),
    pytest.param("job.sh", "sqlmesh run plan -r\n", [], id="job.sh: plan in env name"),
    pytest.param("job.sh", "sqlmesh diff prod\n", [], id="job.sh: diff"),
    pytest.param("job.sh", "sqlmesh evaluate plan -r\n", [], id="job.sh: evaluate"),
    pytest.param("job.sh", "sqlmesh fetchdf 'select 1 as plan' -r\n", [], id="job.sh: fetchdf"),
    pytest.param("job.sh", "inv ops.backfill --source=ebird\n", [], id="job.sh: inv"),
    pytest.param("job.sh", "ops restate --model a --restate\n", [], id="job.sh: ops"),
    pytest.param("job.sh", "task ops:backfill -- --restate\n", [], id="job.sh: task"),
    pytest.param("job.sh", "sqlmesh plan --explain --restate-model=a\n", [], id="job.sh: explain equals"),
    pytest.param("job.sh", "sqlmesh plan --select-model a\n", [], id="job.sh: select-model"),
    pytest.param("job.sh", "pip install -r req.txt sqlmesh plan\n", [], id="job.sh: pip install -r"),
    pytest.param("job.sh", "pip install sqlmesh -r plan/requirements.txt\n", [], id="job.sh: pip -r plan"),
    pytest.param("job.sh", "pip install sqlmesh plan -r requirements.txt\n", [], id="job.sh: pip2"),
    pytest.param("job.sh", "uv pip install sqlmesh -r requirements.txt\n", [], id="job.sh: uv pip"),
    pytest.param("job.sh", "cp -r sqlmesh plan\n", [], id="job.sh: cp"),
    pytest.param("job.sh", "cp sqlmesh/plan -r x\n", [], id="job.sh: cp2"),
    pytest.param("job.sh", "mkdir sqlmesh plan; ls -r\n", [], id="job.sh: mkdir"),
    pytest.param("job.sh", "sqlmesh plan --help\n", [], id="job.sh: help"),
    pytest.param("job.sh", "which sqlmesh plan -r\n", [], id="job.sh: which"),
    pytest.param("job.sh", "\x00sqlmesh plan -r a\n", [], id="job.sh: binary"),
    pytest.param("job.sh", "HELP='''use sqlmesh plan --restate-model'''\n", [], id="job.sh: sm var prose"),
    pytest.param("job.sh", "# sqlmesh\nterraform plan -r x\n", [], id="job.sh: terraform var"),
    pytest.param("job.sh", "while getopts 'r:' o; do :; done; sqlmesh plan \"$@\"\n", [], id="job.sh: getopts"),
    pytest.param("job.sh", "sqlmesh plan dev --restate-models x\n", [], id="job.sh: dry sqlmesh plan dev -- not"),
    pytest.param("job.sh", "sqlmesh plan dev --select-model a --run\n", [], id="job.sh: select r"),
]


@pytest.mark.parametrize(("file", "text", "lines"), CASES)
def test_found_at_its_line_or_not_at_all(file: str, text: str, lines: list[int]) -> None:
    calls = find(file, text.encode())
    assert [call.line for call in calls] == lines, calls
    assert all(call.allowed is None and call.column >= 1 and "\n" not in call.text for call in calls)
