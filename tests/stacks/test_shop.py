"""Every scenario on a stack unlike the sandbox: YAML, one file, a shell command, no dlt, no Dagster, no Soda."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stacks.conftest import Shop


def test_a_stack_without_dlt_dagster_and_soda_is_healthy_and_says_so(shop: Shop) -> None:
    told = shop.invoke("ops.doctor", "--deep")
    assert told.code == 0, told.err
    said = {line["probe"]: line["said"] for line in told.document["probes"]}
    assert said["contracts"] == "none is configured"
    assert said["configuration"] == "1 source, no open question"
    assert "scheduler" not in said
    assert told.document["verdict"]["words"] == "healthy"
    assert shop.differences() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ops.resume", "--plan"), "no dagster is configured"),
        (("watch.heartbeat",), "no dagster is configured"),
        (("verify.contracts",), "no contracts are configured"),
        (("verify.freshness",), "no contracts are configured"),
        (("schema.lint",), "contracts"),
        (("dagster.start",), "no dagster is configured"),
    ],
)
def test_what_does_not_apply_says_so(shop: Shop, words: tuple[str, ...], told: str) -> None:
    ran = shop.invoke(*words)
    assert ran.code == 2, ran.out + ran.err
    assert told in ran.document["findings"][0]["reason"]
    assert ran.document["findings"][0]["way_out"]


@pytest.mark.rehearsal
def test_a_bad_window_is_found_mended_and_taken_back(shop: Shop) -> None:
    first, last = shop.today - timedelta(days=9), shop.today - timedelta(days=8)
    window = f"BETWEEN DATE '{first}' AND DATE '{last}'"
    shop.change(f"DELETE FROM landing.orders WHERE strptime(placed, '%Y%m%d')::DATE {window}")
    shop.change(f"DELETE FROM landing.parcels WHERE left_at::DATE {window}")
    assert (
        shop.invoke(
            "ops.restate", "--source=landing", f"--start={first}", f"--end={last}", "--allow-shrink", "--yes"
        ).code
        == 0
    )
    broken, bad = shop.hashes(), shop.differences()
    assert {table for table, *_ in bad} == {"landing.orders", "landing.parcels", "sales.by_day", "sales.parcels_by_day"}

    sick = shop.invoke("ops.doctor").document
    assert sick["verdict"]["incident"] == 2, sick["verdict"]
    planned = shop.invoke("ops.backfill", "--source=landing", "--plan")
    assert planned.code == 0, planned.err
    assert planned.document["plan"]["window"] == {"start": str(first), "end": str(last)}
    assert shop.hashes() == broken

    mended = shop.invoke("ops.backfill", "--source=landing", "--yes")
    assert mended.code == 0, mended.err
    assert shop.differences() == []
    undone = shop.invoke("ops.rollback", mended.document["operation"], "--yes")
    assert undone.code == 0, undone.err
    assert shop.hashes() == broken


@pytest.mark.rehearsal
def test_a_load_that_brings_nothing_is_put_back(shop: Shop) -> None:
    before, day = shop.hashes(), shop.today - timedelta(days=5)
    shop.api.lost.add(day)
    refused = shop.invoke("ops.backfill", "--source=landing", f"--start={day}", "--yes")
    assert refused.code == 3, refused.err
    assert shop.hashes() == before
    shop.api.down = True
    failed = shop.invoke("ops.backfill", "--source=landing", f"--start={day}", "--yes")
    assert failed.code == 4, failed.err
    assert shop.hashes() == before


@pytest.mark.rehearsal
def test_a_broken_file_is_rebuilt_from_snapshot_and_source(shop: Shop) -> None:
    assert shop.invoke("snapshot.create", "--name=whole").code == 0
    house = shop.folder / "var" / "shop.db"
    house.write_bytes(house.read_bytes()[:-300_000])
    assert shop.invoke("ops.doctor").document["verdict"]["cause"] == "truncation"
    mended = shop.invoke("ops.rebuild", "--yes")
    assert mended.code == 0, mended.err
    assert shop.differences() == []
    assert shop.invoke("ops.doctor").code == 0
    assert shop.invoke("ops.drill").code == 0


@pytest.mark.rehearsal
def test_a_mass_delete_is_restored_from_before_it(shop: Shop) -> None:
    assert shop.invoke("snapshot.create", "--name=good").code == 0
    shop.change("DELETE FROM landing.orders WHERE customer = 'c01'")
    broken = shop.hashes()
    restored = shop.invoke("ops.restore", "--snapshot=good", "--yes")
    assert restored.code == 0, restored.err
    assert shop.differences() == []
    assert shop.invoke("ops.rollback", restored.document["operation"], "--yes").code == 0
    assert shop.hashes() == broken


@pytest.mark.rehearsal
def test_a_lost_view_is_mended(shop: Shop) -> None:
    shop.change("DROP VIEW sales.by_day")
    assert shop.invoke("ops.doctor").document["verdict"]["cause"] == "drift"
    mended = shop.invoke("ops.repair-state", "--yes")
    assert mended.code == 0, mended.err
    assert shop.differences() == []
