"""Restatements in YAML: workflows, Taskfiles, CI jobs, containers, and files that are no YAML."""

from __future__ import annotations

import pytest

from hooks.restatements import find

CASES = [
    pytest.param(
        ".github/workflows/a.yml",
        'jobs:\n a:\n  steps:\n  - run: "ls && sqlmesh plan -r a"\n',
        [4],
        id=".github/workflows/a.yml: run quoted",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        "jobs:\n a:\n  steps:\n  - run: 'bash -c \"sqlmesh plan -r a\"'\n",
        [4],
        id=".github/workflows/a.yml: run single quoted",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        "jobs:\n a:\n  steps:\n  - run: sqlmesh plan\n      prod -r a\n",
        [4],
        id=".github/workflows/a.yml: plain multi",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: |\n\n      ls\n\n      sqlmesh plan -r a\n      echo\n"),
        [8],
        id=".github/workflows/a.yml: literal, blank lines",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: |2\n      ls\n      sqlmesh plan -r a\n"),
        [6],
        id=".github/workflows/a.yml: literal indent indicator",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: |+\n      ls\n      sqlmesh plan -r a\n\n  - run: ls\n"),
        [6],
        id=".github/workflows/a.yml: literal keep",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: | # the nightly\n      ls\n      sqlmesh plan -r a\n"),
        [6],
        id=".github/workflows/a.yml: comment after |",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: sqlmesh plan prod -r ${{ inputs.model }}\n"),
        [4],
        id=".github/workflows/a.yml: gha expr",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: |\n      ${{ env.CMD }} plan --restate-model ${{ inputs.model }}\n"),
        [5],
        id=".github/workflows/a.yml: gha expr quoted",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: |\n      bash <<EOF\n      sqlmesh plan -r a\n      EOF\n"),
        [6],
        id=".github/workflows/a.yml: heredoc in block",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: |\n      cat <<EOF > x\n      don't\n      EOF\n      sqlmesh plan -r a\n"),
        [8],
        id=".github/workflows/a.yml: heredoc doc then cmd",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        (
            "jobs:\n"
            " a:\n"
            "  steps:\n"
            "  - shell: python\n"
            "    run: |\n"
            "      from sqlmesh import Context\n"
            "      Context().plan('prod', restate_models=['a'])\n"
        ),
        [7],
        id=".github/workflows/a.yml: shell python",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("on:\n workflow_dispatch:\n  inputs:\n   m:\n    description: 'passed to sqlmesh plan --restate-model'\n"),
        [],
        id=".github/workflows/a.yml: inputs desc",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  env:\n   FLAGS: --restate-model a\n  steps:\n  - run: sqlmesh plan $FLAGS\n"),
        [4],
        id=".github/workflows/a.yml: env var flags",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: ops-restate-guard --check -- sqlmesh plan -r a\n"),
        [],
        id=".github/workflows/a.yml: guarded",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        "jobs:\n run:\n  name: sqlmesh plan -r a\n",
        [],
        id=".github/workflows/a.yml: job named run",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\r\n a:\r\n  steps:\r\n  - run: |\r\n      ls\r\n      sqlmesh plan \\\r\n        -r a\r\n"),
        [6],
        id=".github/workflows/a.yml: CRLF literal",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: >\n      ls &&\n      sqlmesh plan\n      -r a\n"),
        [5],
        id=".github/workflows/a.yml: folded two cmds",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        ("jobs:\n a:\n  steps:\n  - run: |\n      # sqlmesh plan -r a\n      ls\n"),
        [],
        id=".github/workflows/a.yml: step comment in literal",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        "jobs:\n a:\n  steps:\n  - run: echo 'sqlmesh plan -r a'\n",
        [],
        id=".github/workflows/a.yml: echo in run",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        "x: &r {run: sqlmesh plan -r a}\njobs:\n a:\n  steps:\n  - *r\n",
        [1],
        id=".github/workflows/a.yml: merge anchors",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        "jobs:\n a:\n  steps:\n  - run: ls\n    run: sqlmesh plan -r a\n",
        [5],
        id=".github/workflows/a.yml: dup keys",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        "jobs:\n\ta:\n  - run: sqlmesh plan -r a\n",
        [3],
        id=".github/workflows/a.yml: bad yaml tab",
    ),
    pytest.param(
        ".github/workflows/a.yml",
        'jobs: {{ x\n  - run: "sqlmesh plan -r a"\n',
        [2],
        id=".github/workflows/a.yml: bad yaml quoted",
    ),
    pytest.param(
        ".github\\workflows\\a.yml",
        "jobs:\n a:\n  steps:\n  - run: sqlmesh plan -r a\n",
        [4],
        id=".github\\workflows\\a.yml: windows path wf",
    ),
    pytest.param("Taskfile.yml", "tasks:\n a: [sqlmesh plan -r a]\n", [2], id="Taskfile.yml: task string list"),
    pytest.param("Taskfile.yml", "tasks:\n  a: sqlmesh plan -r a\n", [2], id="Taskfile.yml: task short"),
    pytest.param(
        "Taskfile.yml", "tasks:\n a:\n  cmds:\n   - defer: sqlmesh plan -r a\n", [4], id="Taskfile.yml: task defer"
    ),
    pytest.param("Taskfile.yml", "vars:\n  F: --restate-model a\n", [2], id="Taskfile.yml: task vars"),
    pytest.param("Taskfile.yml", "vars:\n  F: {sh: sqlmesh plan -r a}\n", [2], id="Taskfile.yml: task vars sh"),
    pytest.param(
        "Taskfile.yml",
        ("tasks:\n a:\n  cmds:\n   - '{{.SQLMESH}} plan prod --restate-model {{.CLI_ARGS}}'\n"),
        [4],
        id="Taskfile.yml: task template",
    ),
    pytest.param(
        "Taskfile.yml",
        "tasks:\n a:\n  cmds:\n   - |\n     ls\n     sqlmesh plan -r a\n",
        [6],
        id="Taskfile.yml: task literal",
    ),
    pytest.param(
        "Taskfile.yml",
        ("tasks:\n a:\n  cmds:\n   - for: [a, b]\n     cmd: sqlmesh plan -r {{.ITEM}}\n"),
        [5],
        id="Taskfile.yml: task for",
    ),
    pytest.param(
        "Taskfile.yml",
        ("tasks:\n a:\n  desc: runs sqlmesh plan --restate-model\n  summary: |\n    sqlmesh plan -r a\n  cmds: [ls]\n"),
        [],
        id="Taskfile.yml: task desc",
    ),
    pytest.param(
        "Taskfile.yml", "tasks:\n a:\n  cmds:\n   - echo 'sqlmesh plan -r'\n", [], id="Taskfile.yml: task @silent"
    ),
    pytest.param(
        ".gitlab-ci.yml", "a:\n  before_script: [sqlmesh plan -r a]\n", [2], id=".gitlab-ci.yml: gitlab before"
    ),
    pytest.param(
        ".gitlab-ci.yml", "a:\n  script:\n  - [ls, sqlmesh plan -r a]\n", [3], id=".gitlab-ci.yml: gitlab nested"
    ),
    pytest.param(
        ".gitlab-ci.yml",
        "a:\n  script:\n  - !reference [.x, script]\n  - sqlmesh plan -r a\n",
        [4],
        id=".gitlab-ci.yml: gitlab ref tag",
    ),
    pytest.param(
        "compose.yaml",
        "services:\n a:\n  command: [sh, -c, 'sqlmesh plan -r a']\n",
        [3],
        id="compose.yaml: compose exec sh",
    ),
    pytest.param(
        "compose.yaml",
        ("services:\n a:\n  command:\n   - sh\n   - -c\n   - |\n     ls\n     sqlmesh plan -r a\n"),
        [8],
        id="compose.yaml: compose block sh",
    ),
    pytest.param(
        "pod.yaml", "command: [sqlmesh]\nargs: [plan, prod, --restate-model, a]\n", [2], id="pod.yaml: k8s command+args"
    ),
    pytest.param(
        "pod.yaml", "command: [sqlmesh]\nargs: [plan, prod, -r, a]\n", [2], id="pod.yaml: k8s command+args short"
    ),
    pytest.param("pod.yaml", "command: [bash, -c]\nargs:\n- sqlmesh plan -r a\n", [3], id="pod.yaml: k8s bash args"),
    pytest.param(
        "cloudbuild.yaml",
        "steps:\n- name: x\n  entrypoint: sqlmesh\n  args: [plan, -r, a]\n",
        [4],
        id="cloudbuild.yaml: cloudbuild",
    ),
    pytest.param(
        ".pre-commit-config.yaml",
        "- entry: sqlmesh\n  args: [plan, -r, a]\n",
        [2],
        id=".pre-commit-config.yaml: pre-commit entry+args",
    ),
    pytest.param("play.yml", "- shell: sqlmesh plan -r a\n", [1], id="play.yml: ansible shell"),
    pytest.param("play.yml", "- ansible.builtin.shell: |\n    sqlmesh plan -r a\n", [2], id="play.yml: ansible fq"),
    pytest.param("dagster.yaml", "x:\n  cli_command: sqlmesh plan -r a\n", [2], id="dagster.yaml: dagster env"),
    pytest.param("dag.yaml", "bash_command: cd x && sqlmesh plan -r a\n", [1], id="dag.yaml: airflow bash_command"),
    pytest.param("x.yaml", "jobs:\n - '0 3 * * * sqlmesh plan -r a'\n", [2], id="x.yaml: cron value"),
    pytest.param(
        ".circleci/config.yml",
        "steps:\n - run: {command: sqlmesh plan -r a}\n",
        [2],
        id=".circleci/config.yml: circleci",
    ),
    pytest.param("x.yml", "notes:\n - never use sqlmesh plan --restate-model x\n", [], id="x.yml: list prose"),
    pytest.param("config.yaml", "gateways: {a: {b: c}}\n", [], id="config.yaml: dbt/sqlmesh cfg"),
    pytest.param("x.yml", "a: {{ b }}\nrun: sqlmesh plan -r {{ m }}\n", [2], id="x.yml: jinja"),
    pytest.param("x.yml", "restate_models: [a]\nsqlmesh: 1\n", [], id="x.yml: python API in yaml"),
    pytest.param(
        "run.yaml", "ops:\n  x:\n    config:\n      restate_models: [a]\n", [], id="run.yaml: dagster run config"
    ),
    pytest.param(
        "x.yml",
        ("# sqlmesh plan --restate-model\nscript:\n  # first\n  - sqlmesh plan -r a\n"),
        [4],
        id="x.yml: block after comment",
    ),
    pytest.param("x.yml", "command: >-\n  sqlmesh\n  plan\n  -r a\n", [2], id="x.yml: folded line no."),
    pytest.param("x.yml", "run: !Sub 'sqlmesh plan -r a'\n", [1], id="x.yml: tagged"),
    pytest.param("x.yml", "run: sqlmesh plan -r a\n---\n{{ x\n", [1], id="x.yml: multi doc bad 2nd"),
    pytest.param("x.yml", "\ufeffrun: sqlmesh plan -r a\n", [1], id="x.yml: BOM yml"),
    pytest.param("x.yml", "a: &a\n  b: *a\n  run: sqlmesh plan -r a\n", [3], id="x.yml: key anchor recursive"),
    pytest.param("wf.yaml", "source: |\n  sqlmesh plan -r a\n", [2], id="wf.yaml: argo"),
    pytest.param("cm.yaml", "data:\n  run.sh: |\n    #!/bin/sh\n    sqlmesh plan -r a\n", [4], id="cm.yaml: configmap"),
    pytest.param("x.yml", 'a: "\x0c"\nscript:\n- |\n  ls\n  sqlmesh plan -r a\n', [5], id="x.yml: yaml ff"),
    pytest.param("x.yml", "note: sqlmesh plan\nb: -r\n", [], id="x.yml: wf run false"),
]


@pytest.mark.parametrize(("file", "text", "lines"), CASES)
def test_found_at_its_line_or_not_at_all(file: str, text: str, lines: list[int]) -> None:
    calls = find(file, text.encode())
    assert [call.line for call in calls] == lines, calls
    assert all(call.allowed is None and call.column >= 1 and "\n" not in call.text for call in calls)
