"""Plans hold what they promise, whatever the topology."""

from __future__ import annotations

from typing import Any

import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heketi
from heketi import plan

from .conftest import topology


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
