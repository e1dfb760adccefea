"""Plans hold what they promise, whatever the topology."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heketi
from heketi import plan

from .conftest import DATABASES, REPOSITORY, topology


@st.composite
def topologies(draw: st.DrawFn) -> dict[str, Any]:
    nodes = []
    for number in range(draw(st.integers(1, 6))):
        zone = draw(st.integers(1, 3))
        sizes = draw(st.lists(st.integers(1, 300), min_size=1, max_size=3))
        hostnames = {"manage": [f"n{number}"], "storage": [f"192.0.2.{number}"]}
        devices = [{"name": f"/dev/sd{at}", "size": size} for at, size in enumerate(sizes)]
        nodes.append({"node": {"zone": zone, "hostnames": hostnames}, "devices": devices})
    return {"clusters": [{"nodes": nodes}]}


@settings(max_examples=60, deadline=None)
@given(topologies(), st.sampled_from(["none", "replicate:2", "replicate:3", "disperse:2+1"]))
def test_the_largest_volume_fits(file: dict[str, Any], durability: str) -> None:
    cluster = plan.load(file)
    (room,) = cluster.capacity(durability=durability)
    if room.largest:
        assert cluster.explain(room.largest, durability)
        filled = cluster.simulate([{"size": room.largest, "durability": durability}])
        assert filled.placed == 1 and not filled.refused
    assert not any(device.used for device in cluster.devices())


@settings(max_examples=40, deadline=None)
@given(topologies(), st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=20))
def test_space_is_given_back(file: dict[str, Any], wishes: list[tuple[int, bool]]) -> None:
    cluster = plan.load(file)
    requests: list[dict[str, Any]] = []
    for number, (size, _) in enumerate(wishes):
        requests.append({"name": f"v{number}", "size": size, "durability": "replicate:2"})
    requests += [{"op": "delete", "name": f"v{number}"} for number in range(len(wishes))]
    done = cluster.simulate(requests)
    assert not done.plan.volumes()
    assert done.plan.balance().highest == 0
    assert done.fill[-1][1] == 0
    assert all(0 <= part <= 1 for _, part in done.fill)


def test_pandas() -> None:
    done = plan.load(topology(), device_size=100).simulate([{"size": 10, "count": 3}])
    assert list(done.to_pandas().columns) == ["requests", "fill"]
    frame = done.plan.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 6


@pytest.mark.parametrize(
    "request_, said",
    [
        ({"size": 0}, "request 0"),
        ({"size": 1, "op": "melt"}, "none of create, expand, delete"),
        ({"op": "delete"}, "needs the name"),
        ({"size": 1, "durability": "replicate:x"}, "replicate:x"),
        ({"size": "large"}, "large"),
        ("large", "is a dict"),
    ],
)
def test_wrong_requests_are_refused(request_: Any, said: str) -> None:
    with pytest.raises(heketi.Invalid, match=said):
        plan.load(topology(), device_size=100).simulate([request_])


def test_wrong_files_are_refused(tmp_path: Any) -> None:
    (tmp_path / "x.json").write_text("{")
    for wrong in ({}, {"clusters": 1}, {"clusters": [{"nodes": [{"x": 1}]}]}, str(tmp_path / "x.json")):
        with pytest.raises(heketi.Invalid):
            plan.load(wrong, device_size=1)
    with pytest.raises(heketi.Invalid, match="brick_max"):
        plan.load(topology(), device_size=1, policy={"brick_max": 1})
    with pytest.raises(FileNotFoundError):
        plan.load(tmp_path / "none.json")


@pytest.mark.parametrize("name", ["heketi-v10-crashed-clone", "heketi-v40", "heketi-v6x"])
def test_databases_of_earlier_versions(name: str) -> None:
    file = DATABASES / f"{name}.db"
    exported = json.loads(file.with_suffix(".json").read_text())
    before = file.read_bytes()
    read = [plan.load(source) for source in (file, file.with_suffix(".json"), str(file), exported)]
    assert file.read_bytes() == before
    first = read[0]
    for other in read[1:]:
        assert (other.devices(), other.volumes()) == (first.devices(), first.volumes())
    assert {it["id"] for it in first.volumes()} == set(exported["volumeentries"])
    for device in first.devices():
        entry = exported["deviceentries"][device.id]["Info"]
        assert (device.name, device.total * 1024**2) == (entry["name"], entry["storage"]["total"])
        assert device.used * 1024**2 == entry["storage"]["used"]
    for room in first.capacity(size=1, durability="none"):
        assert room.largest <= room.free
        one = {"size": 1, "durability": "none", "clusters": [room.cluster]}
        filled = first.simulate([{**one, "count": 3}])
        assert filled.placed == (3 if room.volumes >= 3 else room.volumes)
        assert bool(first.explain(1, "none", clusters=[room.cluster])) == (room.volumes > 0)


def test_a_year_on_a_database() -> None:
    cluster = plan.load(DATABASES / "heketi-v10-crashed-clone.db")
    (volume,) = (it for it in cluster.volumes() if it["name"] == "web-data")
    assert (volume["durability"], volume["size"]) == ("replicate:3", 15)
    done = cluster.simulate([
        {"op": "expand", "name": volume["name"], "expand_size": 1},
        {"op": "delete", "name": volume["name"]},
        {"op": "delete", "name": volume["name"]},
    ])
    assert [it.request for it in done.refused] == [2]
    assert done.plan.balance().mean < cluster.balance().mean
    hosting = {it["id"] for it in cluster.volumes()} - {it["id"] for it in done.plan.volumes()}
    assert hosting == {volume["id"]}


def test_databases_of_ours(tmp_path: Path) -> None:
    db = tmp_path / "heketi.db"
    with heketi.Engine.open(db, executor=heketi.MockExecutor()) as engine:
        engine.load_topology(topology())
        volume = engine.volume_create(size=10)
        with pytest.raises(heketi.StoreError):
            plan.load(db)
        told = plan.load(engine.topology_info())
    kept = plan.load(db)
    assert [it["id"] for it in kept.volumes()] == [volume.id]
    assert sorted(it.used for it in kept.devices()) == sorted(it.used for it in told.devices())


def test_a_simulation_goes_on_where_another_ended() -> None:
    first = plan.load(topology(), device_size=100).simulate([{"size": 10, "count": 2}])
    second = first.plan.simulate([{"size": 10, "durability": "replicate:3", "count": 3}])
    assert not second.refused and len(second.plan.volumes()) == 5
    assert (first.bricks, second.bricks) == (2, 9)
    assert second.placements_per_second == pytest.approx(3 * second.volumes_per_second)


@settings(max_examples=25, deadline=None)
@given(topologies(), st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["none", "replicate:2", "replicate:3"]))))
def test_a_simulation_places_as_it_explains(file: dict[str, Any], wishes: list[tuple[int, str]]) -> None:
    cluster = plan.load(file)
    for size, durability in wishes[:8]:
        told = cluster.explain(size, durability)
        done = cluster.simulate([{"size": size, "durability": durability}])
        assert bool(told) == (done.placed == 1) and done.bricks == len(told.bricks)
        grown = zip(cluster.devices(), done.plan.devices(), strict=True)
        taken = sorted(f"{new.host}:{new.name}" for old, new in grown for _ in range(new.bricks - old.bricks))
        assert taken == sorted(f"{it.host}:{it.device}" for it in told.bricks)
        cluster = done.plan


def test_the_rate_is_printed() -> None:
    script = REPOSITORY / "heketi-py" / "docs" / "rate.py"
    told = subprocess.run([sys.executable, script, "50"], capture_output=True, text=True, check=True, timeout=120)
    lines = told.stdout.splitlines()
    assert len(lines) == 3 and all("50 volumes of 10 GiB" in line and "bricks a second" in line for line in lines)
