"""Restatements in JSON and in notebooks, at the line of the file."""

from __future__ import annotations

import pytest

from hooks.restatements import find

CASES = [
    pytest.param(
        "package.json", '{"scripts": {"x": "bash -c \\"sqlmesh plan -r a\\""}}', [1], id="package.json: pkg escaped"
    ),
    pytest.param("package.json", '{"scripts": {"x": "sqlmesh plan \\u002dr a"}}', [1], id="package.json: pkg unicode"),
    pytest.param("x.json", '{"command": [\n"sqlmesh",\n"plan", "-r", "a"]}', [2], id="x.json: pkg list"),
    pytest.param(
        ".vscode/tasks.json",
        '{\n// tasks\n"tasks": [{"command": "sqlmesh plan -r a"}]}',
        [3],
        id=".vscode/tasks.json: vscode tasks",
    ),
    pytest.param(
        ".vscode/tasks.json",
        '{"command": "sqlmesh",\n"args": ["plan", "-r", "a"]}',
        [2],
        id=".vscode/tasks.json: vscode cmd+args",
    ),
    pytest.param(
        "devcontainer.json",
        '{"postCreateCommand": "sqlmesh plan --restate-model a"}',
        [1],
        id="devcontainer.json: devcontainer",
    ),
    pytest.param(
        "package.json", '{"scripts": {"x": "npm-run-all a && sqlmesh plan -r a"}}', [1], id="package.json: run-s"
    ),
    pytest.param(
        "package.json", '{"a": "sqlmesh plan -r a", "b": "sqlmesh plan -r b"}', [1, 1], id="package.json: two on a line"
    ),
    pytest.param("x.jsonc", '{"a": "sqlmesh plan -r a"}', [1], id="x.jsonc: jsonc"),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "import sqlmesh\\n",\n'
            "    \"context.plan(restate_models=['a'])\\n\"\n"
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [7],
        id="a.ipynb: nb api",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "x=1\\n",\n'
            '    "!sqlmesh plan -r a\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [7],
        id="a.ipynb: nb ! 2nd",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "%%bash\\n",\n'
            '    "sqlmesh plan -r a\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [7],
        id="a.ipynb: nb %%bash",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "%%sh -e\\n",\n'
            '    "cd x\\n",\n'
            '    "sqlmesh plan \\\\\\n",\n'
            '    "  -r a\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [8],
        id="a.ipynb: nb %%sh",
    ),
    pytest.param(
        "a.ipynb",
        ('{\n "cells": [\n  {\n   "cell_type": "code",\n   "source": [\n    "%plan prod -r a\\n"\n   ]\n  }\n ]\n}'),
        [6],
        id="a.ipynb: nb %plan -r",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "!sqlmesh plan \\\\\\n",\n'
            '    "  -r a\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [6],
        id="a.ipynb: nb !! cont",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "out = !sqlmesh plan -r a\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [6],
        id="a.ipynb: nb out = !",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "%sx sqlmesh plan -r a\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [6],
        id="a.ipynb: nb %sx",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "for m in ms:\\n",\n'
            '    "    !sqlmesh plan -r {m}\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [7],
        id="a.ipynb: nb indented !",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            "    \"get_ipython().system('sqlmesh plan -r a')\\n\"\n"
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [6],
        id="a.ipynb: nb get_ipython",
    ),
    pytest.param(
        "a.ipynb",
        ('{"cells": [{"cell_type": "code", "source": ["1"], "outputs": [{"text": ["sqlmesh plan -r a"]}]}]}'),
        [],
        id="a.ipynb: nb output",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "markdown",\n'
            '   "source": [\n'
            '    "!sqlmesh plan -r a"\n'
            "   ]\n"
            "  },\n"
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "!sqlmesh plan -r a"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [12],
        id="a.ipynb: nb dup in md",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "# !sqlmesh plan -r a\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [],
        id="a.ipynb: nb comment",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "os.system(\\"sqlmesh plan -r a\\")\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [6],
        id="a.ipynb: nb quotes",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "!sqlmesh plan -r a\\n",\n'
            '    "1\\n",\n'
            '    "!sqlmesh plan -r a\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [6, 8],
        id="a.ipynb: nb twice",
    ),
    pytest.param(
        "a.ipynb", '{"cells": [{"cell_type": "code", "source": ["!sqlmesh plan -r a"]}', [1], id="a.ipynb: nb broken"
    ),
    pytest.param(
        "a.ipynb",
        ('{"cells": [{"cell_type": "code", "source": "x=1\\n!sqlmesh plan -r a"}]}'),
        [1],
        id="a.ipynb: nb one-line src, 2 lines",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "\\u00e9=1\\n",\n'
            '    "!sqlmesh plan -r \\u00e9"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [7],
        id="a.ipynb: nb ascii esc",
    ),
    pytest.param(
        "a.ipynb",
        (
            "{\n"
            ' "cells": [\n'
            "  {\n"
            '   "cell_type": "code",\n'
            '   "source": [\n'
            '    "%plan prod --restate-model a --explain\\n"\n'
            "   ]\n"
            "  }\n"
            " ]\n"
            "}"
        ),
        [],
        id="a.ipynb: nb %restate",
    ),
]


@pytest.mark.parametrize(("file", "text", "lines"), CASES)
def test_found_at_its_line_or_not_at_all(file: str, text: str, lines: list[int]) -> None:
    calls = find(file, text.encode())
    assert [call.line for call in calls] == lines, calls
    assert all(call.allowed is None and call.column >= 1 and "\n" not in call.text for call in calls)
