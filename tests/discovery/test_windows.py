"""Which variables a loader asks for, told from its text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ops_tasks.discovery.tree import grow
from ops_tasks.discovery.windows import of_python, of_shell

PAIR = "import os\na, b = os.environ.get('SHOP_START'), os.environ.get('SHOP_END')\n"
TWO = PAIR + "c, d = os.getenv('ORDERS_FROM'), os.getenv('ORDERS_TO')\n"
BACK = "import os\nn = int(os.environ['SHOP_ORDERS_DAYS_BACK'])\n"
CALLED = "from . import settings\nfirst = settings.first_day('WEATHER_DAYS_BACK')\n"
CURSOR = "import dlt\nsince = dlt.sources.incremental('at')\nn = 'SHOP_DAYS_BACK'\n"
PYDANTIC = """
class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="DATABOX_", env_file=".env")
    orders_days_back: int = 30
    weather_days_back: int = 30
    token: str = ""
"""


@pytest.mark.parametrize(
    ("text", "cursor", "window", "asks"),
    [
        pytest.param(PAIR, None, {"start": "SHOP_START", "end": "SHOP_END"}, False, id="a pair"),
        pytest.param(TWO, None, {"start": "ORDERS_FROM", "end": "ORDERS_TO"}, False, id="the source's own pair"),
        pytest.param(BACK, None, {"days_back": "SHOP_ORDERS_DAYS_BACK"}, False, id="days back"),
        pytest.param(CALLED, None, {"days_back": "WEATHER_DAYS_BACK"}, False, id="handed to a function"),
        pytest.param(CURSOR, None, {"interval": True}, False, id="incremental before days back"),
        pytest.param(BACK, "at", {"interval": True}, False, id="dlt's state knows a cursor"),
        pytest.param(PAIR + "since = dlt.sources.incremental('at')\n", None, {"start": "SHOP_START", "end": "SHOP_END"},
                     False, id="a pair before incremental"),
        pytest.param("x = 'SHOP_START'\n", None, {}, False, id="half a pair"),
        pytest.param("x = 'DLT_INTERVAL_START'; y = 'DLT_INTERVAL_END'\n", None, {}, False, id="dlt's own names"),
        pytest.param("x = 'A_DAYS_BACK', 'B_DAYS_BACK'\n", None, {"days_back": "A_DAYS_BACK"}, True, id="two of them"),
        pytest.param("def f(:\n", None, {}, False, id="no Python"),
    ],
)  # fmt: skip
def test_python(tmp_path: Path, text: str, cursor: str | None, window: dict[str, Any], asks: bool) -> None:
    file = tmp_path / "orders.py"
    file.write_text(text)
    told = of_python(grow(tmp_path), file, "orders", cursor)
    assert told.window == window
    assert bool(told.question) is asks
    assert "orders.py" in told.why


def test_a_settings_module_that_is_shared(tmp_path: Path) -> None:
    package = tmp_path / "box"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "settings.py").write_text(PYDANTIC)
    for name in ("orders", "weather"):
        (package / f"{name}.py").write_text("from box.settings import Settings\n")
        told = of_python(grow(tmp_path), package / f"{name}.py", name, None)
        assert told.window == {"days_back": f"DATABOX_{name.upper()}_DAYS_BACK"}
        assert told.question == ""


def test_shell(tmp_path: Path) -> None:
    (tmp_path / "pull.sh").write_text('curl "$API/?from=${ORDERS_SINCE:-}&to=$ORDERS_UNTIL" > "$PWD_OF"\n')
    told = of_shell([tmp_path / "pull.sh"], "./pull.sh", "orders")
    assert told.window == {"start": "ORDERS_SINCE", "end": "ORDERS_UNTIL"}
    assert of_shell([], "./pull.sh $LOAD_DAYS", "orders").window == {"days_back": "LOAD_DAYS"}
    assert of_shell([], "./pull.sh", "orders").window == {}
