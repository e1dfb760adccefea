"""Blocking and coroutine twins do the same, method for method."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import pytest

import heketi
from heketi import aio

from .conftest import KEY, topology

NONE = "0" * 32

Do = Callable[..., Any]
"""Calls a method by name; what a coroutine gives is awaited."""


class Twin:
    """One of a pair, driven by the names of its methods."""

    def __init__(self, target: object, run: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self.target = target
        self.run = run
        self.called: set[str] = set()

    def __call__(self, method: str, /, *arguments: Any, **named: Any) -> Any:
        self.called.add(method)
        given = getattr(self.target, method)(*arguments, **named)
        return self.run(given) if inspect.iscoroutine(given) else given


def public(owner: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(owner, callable) if not name.startswith("_")}


def missing(do: Do, method: str, /, *arguments: Any, **named: Any) -> None:
    with pytest.raises(heketi.NotFound):
        do(method, NONE, *arguments, **named)


def life_with_an_engine(do: Do) -> None:
    (cluster,) = do("load_topology", topology())
    nodes = do("nodes")
    node = do("node_info", nodes[0].id)
    device = do("device_info", node.devices[0].id)
    assert do("cluster_info", cluster.id).nodes == sorted(it.id for it in nodes)
    do("cluster_setflags", cluster.id, file=True, block=True)
    other = do("cluster_create", block=False)
    assert sorted(do("cluster_list")) == sorted([cluster.id, other.id])
    do("cluster_delete", other.id)

    extra = do("node_add", cluster.id, 4, "n4", "192.0.2.4", tags={"rack": "a"})
    added = do("device_add", extra.id, "/dev/sdb", tags={"kind": "ssd"})
    do("node_state", extra.id, "offline")
    do("node_state", extra.id, "online")
    do("device_state", added.id, "offline")
    assert do("node_set_tags", extra.id, {"rack": "b"}) == {"rack": "b"}
    assert do("device_set_tags", added.id, {"x": "y"}, change_type="update") == {"kind": "ssd", "x": "y"}
    do("device_state", added.id, "failed")
    do("device_delete", added.id)
    do("node_delete", extra.id)
    do("device_resync", device.id)

    volume = do("volume_create", 10, "replicate:3", name="one")
    assert [it["id"] for it in do("topology_info")["clusters"][0]["volumes"]] == [volume.id]
    assert do("volume_expand", volume.id, 5).size == 15
    assert len(do("volume_explain", volume.id)) == 6
    clone = do("volume_clone", volume.id, name="two")
    assert sorted(do("volume_list")) == sorted([volume.id, clone.id])
    assert do("volume_info", clone.id).name == "two"
    do("volume_delete", clone.id)
    do("brick_evict", volume.bricks[0].id)

    hosting = do("volume_create", 20, block=True)
    block = do("block_volume_create", 2, name="disk")
    assert do("block_volume_list") == [block.id]
    assert do("block_volume_expand", block.id, 3).size == 3
    assert do("block_volume_info", block.id).hosting_volume == hosting.id
    do("volume_block_restriction", hosting.id, "locked")
    do("block_volume_delete", block.id)

    assert do("operations_info")["total"] == 0
    assert do("pending_operation_list") == []
    do("pending_operation_cleanup")
    assert do("audit", nodes=True) == []
    assert do("audit_repair_plan") == []
    with pytest.raises(heketi.Invalid, match="None of the findings"):
        do("audit_repair")
    missing(do, "node_replace")
    missing(do, "device_replace", name="/dev/sdx")
    events = do("events")
    assert type(events).__name__ == "Events"
    do("close")


def life_with_a_server(do: Do, storage: str) -> None:
    assert do("hello") is True
    cluster = do("cluster_create", {"file": True, "block": True})["id"]
    assert cluster in do("cluster_list")["clusters"]
    assert do("cluster_setflags", cluster, {"file": True, "block": True}) is True
    nodes = []
    for zone in (1, 2, 3):
        hostnames = {"manage": [f"{storage}-{zone}"], "storage": [f"{storage}.{zone}"]}
        nodes.append(do("node_add", {"cluster": cluster, "zone": zone, "hostnames": hostnames})["id"])
        assert do("device_add", {"node": nodes[-1], "name": "/dev/sdb"}) is True
    assert sorted(do("cluster_info", cluster)["nodes"]) == sorted(nodes)
    device = do("node_info", nodes[0])["devices"][0]["id"]
    assert do("device_info", device)["name"] == "/dev/sdb"
    for state in ("offline", "online"):
        assert do("node_state", nodes[0], {"state": state}) is True
        assert do("device_state", device, {"state": state}) is True
    tags = {"change_type": heketi.TAGS_SET, "tags": {"a": "b"}}
    assert do("node_set_tags", nodes[0], tags) and do("device_set_tags", device, tags)
    assert do("device_resync", device) is True

    replicas = {"type": "replicate", "replicate": {"replica": 3}}
    volume = do("volume_create", {"size": 4, "durability": replicas, "clusters": [cluster]})
    assert volume["id"] in do("volume_list")["volumes"]
    assert do("volume_expand", volume["id"], {"expand_size": 1})["size"] == 5
    assert do("volume_info", volume["id"])["size"] == 5
    clone = do("volume_clone", volume["id"], {})
    for gone in (clone["id"], volume["id"]):
        assert do("volume_delete", gone) is True
    hosting = do("volume_create", {"size": 10, "block": True, "durability": replicas, "clusters": [cluster]})
    block = do("block_volume_create", {"size": 1, "clusters": [cluster]})
    assert block["id"] in do("block_volume_list")["blockvolumes"]
    assert do("block_volume_info", block["id"])["size"] == 1
    assert do("block_volume_expand", block["id"], {"new_size": 2})["size"] == 2
    assert do("volume_block_restriction", hosting["id"], {"restriction": "locked"})["id"] == hosting["id"]
    assert do("block_volume_delete", block["id"]) is True
    assert do("volume_delete", hosting["id"]) is True

    assert "total" in do("operations_info")
    assert "pendingoperations" in do("pending_operation_list")
    assert do("pending_operation_cleanup", {}) is True
    assert do("admin_status_set", {"state": "normal"}) is True
    assert do("admin_status_get")["state"] == "normal"
    assert "findings" in do("audit")
    assert cluster in [it["id"] for it in do("topology_info")["clusters"]]
    assert cluster in do("db_dump").json()["clusterentries"]
    missing(do, "pending_operation_details")
    missing(do, "node_replace")
    missing(do, "device_replace", {"name": "/dev/sdx"})
    missing(do, "brick_evict")
    for node in nodes:
        there = do("node_info", node)["devices"][0]["id"]
        do("device_state", there, {"state": "offline"})
        do("device_state", there, {"state": "failed"})
        assert do("device_delete", there) is True
        assert do("node_delete", node) is True
    assert do("cluster_delete", cluster) is True


def test_engines() -> None:
    blocking = Twin(heketi.Engine.open(executor=heketi.MockExecutor()), lambda it: it)
    life_with_an_engine(blocking)
    loop = asyncio.new_event_loop()
    opened = loop.run_until_complete(aio.Engine.open(executor=heketi.MockExecutor()))
    coroutines = Twin(opened, loop.run_until_complete)
    life_with_an_engine(coroutines)
    loop.close()
    assert blocking.called == coroutines.called == public(heketi.Engine) - {"open"} == public(aio.Engine) - {"open"}


def test_clients(server: str) -> None:
    blocking = Twin(heketi.HeketiClient(server, "admin", KEY, poll_delay=0.02, timeout=30), lambda it: it)
    life_with_a_server(blocking, "10.20.0")
    loop = asyncio.new_event_loop()
    coroutines = Twin(
        aio.HeketiClient(server, "admin", KEY, poll_delay=0.02, timeout=30), loop.run_until_complete
    )
    life_with_a_server(coroutines, "10.21.0")
    loop.close()
    assert blocking.called == coroutines.called == public(heketi.HeketiClient) == public(aio.HeketiClient)


@pytest.mark.parametrize("name", ["HeketiClient", "Engine", "Events"])
def test_signatures(name: str) -> None:
    def methods(owner: type) -> dict[str, str]:
        return {key: str(inspect.signature(getattr(owner, key))) for key in public(owner)}

    assert methods(getattr(heketi, name)) == methods(getattr(aio, name))


def test_a_coroutine_that_is_given_up() -> None:
    async def work() -> None:
        async with await aio.Engine.open(executor=heketi.MockExecutor()) as engine:
            events = engine.events()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(cast(Awaitable[object], events.next()), 0.05)
            cluster = await engine.cluster_create()
            event = await events.next(timeout=30)
            assert event and event.id == cluster.id

    asyncio.run(asyncio.wait_for(work(), 60))
