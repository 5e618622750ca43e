"""Restatements in shell scripts, however the command is written."""

from __future__ import annotations

import pytest

from hooks.restatements import find

CASES = [
    pytest.param("job.sh", "sqlmesh plan -rvx\n", [1], id="job.sh: cluster -rv"),
    pytest.param("job.sh", "sqlmesh plan prod -s 2026-01-01 -r a\n", [1], id="job.sh: cluster after value"),
    pytest.param("job.sh", "poetry run sqlmesh plan -r a\n", [1], id="job.sh: poetry"),
    pytest.param("job.sh", "uvx --from sqlmesh sqlmesh plan -r a\n", [1], id="job.sh: uvx"),
    pytest.param("job.sh", "python3 -m sqlmesh plan -r a\n", [1], id="job.sh: python -m sqlmesh"),
    pytest.param("job.sh", "exec sqlmesh plan -r a\n", [1], id="job.sh: exec"),
    pytest.param("job.sh", "if ! sqlmesh plan -r a; then exit 1; fi\n", [1], id="job.sh: ! negated"),
    pytest.param("job.sh", "timeout 5m sqlmesh plan -r a\n", [1], id="job.sh: timeout"),
    pytest.param("job.sh", "bash -lc 'sqlmesh plan -r a'\n", [1], id="job.sh: bash -lc"),
    pytest.param("job.sh", "sudo bash -c 'sqlmesh plan -r a'\n", [1], id="job.sh: sudo bash -c"),
    pytest.param("job.sh", "docker exec db sh -c 'sqlmesh plan -r a'\n", [1], id="job.sh: docker exec sh -c"),
    pytest.param("job.sh", "docker compose run --rm app sqlmesh plan -r a\n", [1], id="job.sh: docker compose run"),
    pytest.param("job.sh", "kubectl exec pod -- sqlmesh plan -r a\n", [1], id="job.sh: kubectl exec --"),
    pytest.param("job.sh", 'eval "sqlmesh plan -r a"\n', [1], id="job.sh: eval string"),
    pytest.param("job.sh", "alias again='sqlmesh plan -r a'\n", [1], id="job.sh: alias"),
    pytest.param("job.sh", "CMD='sqlmesh plan prod -r a'\n$CMD\n", [1], id="job.sh: command in variable"),
    pytest.param("job.sh", 'export CMD="sqlmesh plan prod -r a"\n', [1], id="job.sh: export command in var"),
    pytest.param("job.sh", "SM=sqlmesh\n$SM plan prod -r a\n", [2], id="job.sh: program in variable, short flag"),
    pytest.param("job.sh", '"$SQLMESH" plan prod --restate-model a\n', [1], id="job.sh: quoted program variable"),
    pytest.param("job.sh", "${SQLMESH:-sqlmesh} plan prod --restate-model a\n", [1], id="job.sh: ${} program"),
    pytest.param("job.sh", "${SQLMESH:-sqlmesh} plan prod -r a\n", [1], id="job.sh: ${:-sqlmesh} short"),
    pytest.param("job.sh", "ARGS+=(--restate-model x)\n", [1], id="job.sh: array append"),
    pytest.param("job.sh", 'ARGS=(plan prod -r x)\nsqlmesh "${ARGS[@]}"\n', [1], id="job.sh: array flags"),
    pytest.param("job.sh", "export FLAGS='--restate-model x'\n", [1], id="job.sh: export flags"),
    pytest.param("job.sh", 'f() {\n  local flags="--restate-model x"\n}\n', [2], id="job.sh: local flags"),
    pytest.param("job.sh", "FLAGS=--restate-model=x\n", [1], id="job.sh: flags equals"),
    pytest.param("job.sh", "cmd=(\n  sqlmesh plan\n  --restate-model x\n)\n", [1], id="job.sh: multi-line array"),
    pytest.param(
        "job.sh", 'cmd=(\n  sqlmesh\n  plan\n  -r x\n)\n"${cmd[@]}"\n', [1], id="job.sh: multi-line array short"
    ),
    pytest.param("job.sh", "printf '%s' 'sqlmesh plan -r a' | bash\n", [1], id="job.sh: printf to bash"),
    pytest.param("job.sh", "echo 'sqlmesh plan -r a' | ssh box\n", [1], id="job.sh: echo | ssh"),
    pytest.param("job.sh", "cat <<EOF | bash\nsqlmesh plan -r a\nEOF\n", [2], id="job.sh: cat heredoc | bash"),
    pytest.param(
        "job.sh", "cat <<EOF | sudo bash -s\nsqlmesh plan -r a\nEOF\n", [2], id="job.sh: sudo tee cron; heredoc"
    ),
    pytest.param("job.sh", "x=$(bash <<EOF\nsqlmesh plan -r a\nEOF\n)\n", [2], id="job.sh: heredoc in subst"),
    pytest.param("job.sh", "bash <<< 'sqlmesh plan -r a'\n", [1], id="job.sh: here-string"),
    pytest.param("job.sh", "diff <(sqlmesh plan -r a) x\n", [1], id="job.sh: process subst"),
    pytest.param("job.sh", "> log sqlmesh plan -r a\n", [1], id="job.sh: redirect first"),
    pytest.param("job.sh", "sqlmesh plan -r a 2>&1 | tee log\n", [1], id="job.sh: 2>&1"),
    pytest.param("job.sh", "sqlmesh plan prod 2>&1 -r a\n", [1], id="job.sh: 2>&1 between"),
    pytest.param("job.sh", "sqlmesh plan prod &> log -r a\n", [1], id="job.sh: >& between"),
    pytest.param("job.sh", "case $1 in\n  redo) sqlmesh plan -r a ;;\nesac\n", [2], id="job.sh: case arm"),
    pytest.param("job.sh", 'while read m; do sqlmesh plan -r "$m"; done < list\n', [1], id="job.sh: while read"),
    pytest.param("job.sh", "until sqlmesh plan -r a; do sleep 1; done\n", [1], id="job.sh: until"),
    pytest.param("job.sh", "trap 'sqlmesh plan -r a' EXIT\n", [1], id="job.sh: trap"),
    pytest.param("job.sh", "find . -exec sqlmesh plan -r {} \\;\n", [1], id="job.sh: find -exec"),
    pytest.param("job.sh", "echo redo && sqlmesh plan -r a\n", [1], id="job.sh: echo && cmd"),
    pytest.param("job.sh", "echo 'x'; sqlmesh plan -r a\n", [1], id="job.sh: echo; cmd"),
    pytest.param("job.sh", 'log "$(sqlmesh plan -r a)"\n', [1], id="job.sh: echo with subst in quotes"),
    pytest.param("job.sh", "x=${y#a}; sqlmesh plan -r a\n", [1], id="job.sh: comment-like #"),
    pytest.param("job.sh", "if [ $# -gt 0 ]; then sqlmesh plan -r a; fi\n", [1], id="job.sh: $# "),
    pytest.param("job.sh", "n=${#arr[@]}; sqlmesh plan -r a\n", [1], id="job.sh: ${#}"),
    pytest.param("job.sh", "sqlmesh plan prod#x -r a\n", [1], id="job.sh: word with # inside"),
    pytest.param("job.sh", "# don't\nsqlmesh plan -r a\n", [2], id="job.sh: apostrophe in comment"),
    pytest.param("job.sh", 'echo "don\'t"\nsqlmesh plan -r a\n', [2], id="job.sh: apostrophe in dq"),
    pytest.param("job.sh", "cat <<EOF > x\ndon't\nEOF\nsqlmesh plan -r a\n", [4], id="job.sh: apostrophe in heredoc"),
    pytest.param("job.sh", "cat <<'E O' > x\nhi\nE O\nsqlmesh plan -r a\n", [4], id="job.sh: heredoc with quote mark"),
    pytest.param("job.sh", "cat <<-EOF > x\n\tdon't\n\tEOF\nsqlmesh plan -r a\n", [4], id="job.sh: heredoc dashed"),
    pytest.param("job.sh", "cat <<EOF1 > x\ndon't\nEOF1\nsqlmesh plan -r a\n", [4], id="job.sh: heredoc digits"),
    pytest.param(
        "job.sh", "cat <<END-OF > x\ndon't\nEND-OF\nsqlmesh plan -r a\n", [4], id="job.sh: heredoc hyphen mark"
    ),
    pytest.param("job.sh", "cat <<A <<B\ndon't\nA\nisn't\nB\nsqlmesh plan -r a\n", [6], id="job.sh: two heredocs"),
    pytest.param("job.sh", "x=$((1<<EOF))\nsqlmesh plan -r a\n", [2], id="job.sh: arithmetic shift"),
    pytest.param("job.sh", "x=$((1 << 3))\nsqlmesh plan -r a\n", [2], id="job.sh: arith shift num"),
    pytest.param("job.sh", "((x = y<<z))\nsqlmesh plan -r a\n", [2], id="job.sh: ((x<<y))"),
    pytest.param("job.sh", "echo $'don\\'t'\nsqlmesh plan -r a\n", [2], id="job.sh: $'..' escapes"),
    pytest.param("job.sh", "sqlmesh plan $'-r' a\n", [1], id="job.sh: $'' word"),
    pytest.param("job.sh", "{ sqlmesh plan -r a; }\n", [1], id="job.sh: brace group"),
    pytest.param("job.sh", "f() { sqlmesh plan -r a; }\n", [1], id="job.sh: function one line"),
    pytest.param("job.sh", "cat <<EOF\n$(sqlmesh plan -r a)\nEOF\n", [2], id="job.sh: heredoc subst body in cat"),
    pytest.param(
        "job.sh", "python - <<EOF\nctx.plan('prod', restate_models=['a'])\nEOF\n", [2], id="job.sh: python heredoc"
    ),
    pytest.param("job.sh", "python -c 'ctx.plan(restate_models=[\"a\"])'\n", [1], id="job.sh: python -c"),
    pytest.param(
        "job.sh",
        ("python - <<'PY'\nfrom sqlmesh import Context\nContext(paths=['.']).plan('prod', restate_models=['a'])\nPY\n"),
        [3],
        id="job.sh: python -c multi",
    ),
    pytest.param("job.sh", "coproc sqlmesh plan -r a\n", [1], id="job.sh: coproc"),
    pytest.param("job.sh", "time -p sqlmesh plan -r a\n", [1], id="job.sh: time -p"),
    pytest.param("job.sh", "nice -n 10 sqlmesh plan -r a\n", [1], id="job.sh: nice"),
    pytest.param("job.sh", "[ -f x ] && sqlmesh plan -r a\n", [1], id="job.sh: test && "),
    pytest.param("job.sh", "[[ -f x ]] || sqlmesh plan -r a\n", [1], id="job.sh: [[ ]] ||"),
    pytest.param("job.sh", "sqlmesh plan --explain; sqlmesh plan -r a\n", [1], id="job.sh: explain elsewhere"),
    pytest.param("job.sh", "echo --explain; sqlmesh plan -r a\n", [1], id="job.sh: explain of env name"),
    pytest.param("job.sh", "sqlmesh plan -r a # --explain\n", [1], id="job.sh: explain in a comment"),
    pytest.param("job.sh", "EXPLAIN=--explain sqlmesh plan -r a\n", [1], id="job.sh: explain in variable"),
    pytest.param("job.sh", "ls | xargs -I{} sh -c 'sqlmesh plan -r {}'\n", [1], id="job.sh: xargs sh -c"),
    pytest.param("job.sh", "parallel sqlmesh plan -r {} ::: a b\n", [1], id="job.sh: parallel"),
    pytest.param("job.sh", "parallel 'sqlmesh plan -r {}' ::: a b\n", [1], id="job.sh: parallel quoted"),
    pytest.param("job.sh", "cat list | xargs sqlmesh plan -r\n", [1], id="job.sh: cat |  xargs"),
    pytest.param("job.sh", "nohup sqlmesh plan -r a > log 2>&1 &\n", [1], id="job.sh: nohup &"),
    pytest.param("job.sh", "tmux new -d 'sqlmesh plan -r a'\n", [1], id="job.sh: tmux"),
    pytest.param("job.sh", "echo 'sqlmesh plan -r a' | at now\n", [1], id="job.sh: at"),
    pytest.param("job.sh", "screen -dm sqlmesh plan -r a\n", [1], id="job.sh: screen"),
    pytest.param("job.sh", "crontab - <<EOF\n0 3 * * * sqlmesh plan -r a\nEOF\n", [2], id="job.sh: crontab heredoc"),
    pytest.param(
        "job.sh", "bash -c '\nset -e\nsqlmesh plan \\\n -r a\n'\n", [1], id="job.sh: flag through quoted continuation"
    ),
    pytest.param("job.sh", "\tsqlmesh\tplan\t-r\ta\n", [1], id="job.sh: tabs"),
    pytest.param("job.sh", "sqlmesh plan -r a", [1], id="job.sh: no newline at end"),
    pytest.param(
        "job.sh", "ops-restate-guard --check -- true && sqlmesh plan -r a\n", [1], id="job.sh: guard on other command"
    ),
    pytest.param("job.sh", "ops-restate-guard -- sqlmesh plan -r a\n", [1], id="job.sh: guard without check"),
    pytest.param("job.sh", "ops-restate-guard --check; sqlmesh plan -r a\n", [1], id="job.sh: guard then ;"),
    pytest.param("job.sh", "echo ops-restate-guard --check --; sqlmesh plan -r a\n", [1], id="job.sh: fake guard"),
    pytest.param("job.sh", "ls\r\nsqlmesh plan -r a\r\n", [2], id="job.sh: CRLF lines"),
    pytest.param("job.sh", "# café\nsqlmesh plan -r a\n", [2], id="job.sh: latin1"),
    pytest.param("job.sh", "for f in --restate-model x; do :; done\n", [1], id="job.sh: shell in for list"),
]


@pytest.mark.parametrize(("file", "text", "lines"), CASES)
def test_found_at_its_line_or_not_at_all(file: str, text: str, lines: list[int]) -> None:
    calls = find(file, text.encode())
    assert [call.line for call in calls] == lines, calls
    assert all(call.allowed is None and call.column >= 1 and "\n" not in call.text for call in calls)
