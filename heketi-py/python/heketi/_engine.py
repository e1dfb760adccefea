"""heketi in this process."""

# aio/_engine.py is made from this file by make_aio.py.

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from . import _heketi
from ._requests import Durability, named, volume_json, without_none
from ._topology import Topology, read_topology
from ._wait import wait
from .executors import CommandRunner, Executor, executor_of
from .records import (
    BlockVolume,
    Cluster,
    Device,
    Event,
    Finding,
    Node,
    Operation,
    PlacedBrick,
    Progress,
    Volume,
)

OnProgress = Callable[[Progress], object]
"""Called on a thread of heketi each time an operation gets on. What it raises ends the wait, not the
operation."""


class Events:
    """What happens in an engine from the moment this was made: iterate over it. It ends when the engine is
    closed."""

    def __init__(self, native: _heketi.Events) -> None:
        self._native = native

    def next(self, timeout: float | None = None) -> Event | None:
        """The next event; None once the engine is closed, or after `timeout` seconds."""
        text = wait(self._native.next(timeout))
        return None if text is None else Event.from_dict(json.loads(text))

    def __iter__(self) -> Iterator[Event]:
        while (event := self.next()) is not None:
            yield event


class Engine:
    """The whole of heketi in this process: state, placement, and the way to the nodes.

    Open it with `Engine.open`, and close it when done, best with `with`. Methods return when the work is
    done. One database belongs to one engine at a time; one engine may be used by several threads.
    """

    def __init__(self, native: _heketi.Engine, grace: float) -> None:
        self._native = native
        self._grace = grace

    @classmethod
    def open(
        cls,
        db: str | os.PathLike[str] | None = None,
        *,
        executor: Executor | CommandRunner,
        policy: Mapping[str, Any] | None = None,
        max_inflight_operations: int | None = None,
        steps_per_node: int | None = None,
        monitor_gluster_nodes: bool | None = None,
        background_cleaner: bool | None = None,
        poll_interval: float | None = None,
        grace: float = 10,
    ) -> Engine:
        """Opens the database file, or creates it; without one the state is in memory and ends with the engine.

        - `executor`: how nodes are reached.
        - `policy`: limits and defaults of placement with the names of heketi.json, such as
          `brick_max_size_gb`, `max_bricks_per_volume`, `zone_checking`.
        - `monitor_gluster_nodes`: ask nodes now and then whether they are up; those that are not get no bricks.
        - `background_cleaner`: resume what an ended process left, a minute after the start.
        - `poll_interval`: seconds between two looks at what takes its time, such as a heal.
        - `grace`: seconds that running steps get when it is closed.
        """
        settings = without_none({
            "policy": without_none(policy or {}),
            "max_inflight_operations": max_inflight_operations,
            "steps_per_node": steps_per_node,
            "monitor_gluster_nodes": monitor_gluster_nodes,
            "background_cleaner": background_cleaner,
            "poll_interval": poll_interval,
        })
        path = None if db is None else os.fspath(db)
        native = executor_of(executor)._native
        return cls(wait(_heketi.Engine.open(path, native, json.dumps(settings))), grace)

    def close(self) -> None:
        """Takes no more work, waits for running steps up to the grace, and lets go of nodes and database. What
        is not over then is resumed by the next engine over this database."""
        wait(self._native.close(self._grace))

    @property
    def closed(self) -> bool:
        """Is it closed?"""
        return self._native.closed

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(
        self, name: str, object_id: str = "", body: Mapping[str, Any] = {}, progress: OnProgress | None = None
    ) -> Any:
        told = None if progress is None else _progress(progress)
        text = wait(self._native.call(name, object_id, json.dumps(body), told))
        return None if text is None else json.loads(text)

    def events(self) -> Events:
        """What happens from now on: operations, steps on nodes, and changes of objects."""
        return Events(self._native.events())

    # Topology

    def load_topology(self, topology: Topology, progress: OnProgress | None = None) -> list[Cluster]:
        """Adds what a topology file or its dict names and is not there yet, as `heketi-cli topology load` does.
        Nodes are known by their host names, devices by their names. Returns the clusters of the file."""
        clusters: list[Cluster] = []
        for wanted in read_topology(topology):
            known = [node for node in self.nodes() if wanted.has_node(node.manage, node.storage)]
            if known:
                cluster_id = known[0].cluster
            else:
                cluster_id = self.cluster_create(file=wanted.file, block=wanted.block).id
            for entry in wanted.nodes:
                found = [node for node in known if entry.is_named(node.manage, node.storage)]
                if found:
                    node = found[0]
                else:
                    node = self.node_add(
                        cluster_id, entry.zone, entry.manage, entry.storage, tags=entry.tags, progress=progress
                    )
                there = {device.name for device in node.devices}
                for device in entry.devices:
                    if device.name not in there:
                        self.device_add(
                            node.id,
                            device.name,
                            tags=device.tags,
                            destroy_data=device.destroy_data,
                            progress=progress,
                        )
            clusters.append(self.cluster_info(cluster_id))
        return clusters

    def topology_info(self) -> dict[str, Any]:
        """All clusters with their volumes and nodes, as `heketi-cli topology info --json` prints them."""
        clusters: list[dict[str, Any]] = []
        for cluster_id in self.cluster_list():
            cluster = self.cluster_info(cluster_id)
            volumes = [self.volume_info(volume).to_dict() for volume in cluster.volumes]
            nodes = [self.node_info(node).to_dict() for node in cluster.nodes]
            told = {"id": cluster.id, "file": cluster.file, "block": cluster.block}
            clusters.append({"volumes": volumes, "nodes": nodes, **told})
        return {"clusters": clusters}

    def nodes(self) -> list[Node]:
        """All nodes of all clusters."""
        ids = [node for cluster in self.cluster_list() for node in self.cluster_info(cluster).nodes]
        return [self.node_info(node) for node in ids]

    # Clusters

    def cluster_create(self, *, file: bool = True, block: bool = True) -> Cluster:
        """Makes an empty cluster that may hold ordinary volumes (`file`) and block volumes."""
        return Cluster.from_dict(self._call("cluster_create", body={"file": file, "block": block}))

    def cluster_setflags(self, cluster_id: str, *, file: bool, block: bool) -> None:
        """Changes what volumes a cluster may hold."""
        self._call("cluster_setflags", cluster_id, {"file": file, "block": block})

    def cluster_info(self, cluster_id: str) -> Cluster:
        """One cluster."""
        return Cluster.from_dict(self._call("cluster_info", cluster_id))

    def cluster_list(self) -> list[str]:
        """The ids of all clusters."""
        return list(self._call("cluster_list")["clusters"])

    def cluster_delete(self, cluster_id: str) -> None:
        """Deletes an empty cluster."""
        self._call("cluster_delete", cluster_id)

    # Nodes

    def node_add(
        self,
        cluster_id: str,
        zone: int,
        manage: str | Sequence[str],
        storage: str | Sequence[str],
        *,
        tags: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> Node:
        """Adds a node: `manage` is the host name commands go to, `storage` the one gluster uses."""
        hostnames = {"manage": named(manage), "storage": named(storage)}
        body = {"cluster": cluster_id, "zone": zone, "hostnames": hostnames, "tags": dict(tags or {})}
        return Node.from_dict(self._call("node_add", body=body, progress=progress))

    def node_info(self, node_id: str) -> Node:
        """One node with its devices and bricks."""
        return Node.from_dict(self._call("node_info", node_id))

    def node_delete(self, node_id: str, *, progress: OnProgress | None = None) -> None:
        """Deletes a node without devices."""
        self._call("node_delete", node_id, progress=progress)

    def node_state(
        self, node_id: str, state: str, *, healcheck: str = "", progress: OnProgress | None = None
    ) -> None:
        """Changes the state to `online`, `offline` or `failed`; the last one moves every brick away."""
        self._call("node_state", node_id, {"state": state, "healcheck": healcheck}, progress)

    def node_set_tags(self, node_id: str, tags: Mapping[str, str], *, change_type: str = "set") -> dict[str, str]:
        """Changes the tags (`set`, `update`, `delete`) and returns them."""
        return dict(self._call("node_set_tags", node_id, {"tags": dict(tags), "change_type": change_type}))

    def node_replace(self, node_id: str, *, progress: OnProgress | None = None) -> None:
        """Makes the bricks of a node again, on the empty machine that took its place and its names."""
        self._call("node_replace", node_id, progress=progress)

    # Devices

    def device_add(
        self,
        node_id: str,
        name: str,
        *,
        tags: Mapping[str, str] | None = None,
        destroy_data: bool = False,
        progress: OnProgress | None = None,
    ) -> Device:
        """Adds a device, the path of a disk on the node; `destroy_data` wipes what is on it."""
        body = {"node": node_id, "name": name, "tags": dict(tags or {}), "destroydata": destroy_data}
        return Device.from_dict(self._call("device_add", body=body, progress=progress))

    def device_info(self, device_id: str) -> Device:
        """One device with its bricks."""
        return Device.from_dict(self._call("device_info", device_id))

    def device_delete(
        self, device_id: str, *, force_forget: bool = False, progress: OnProgress | None = None
    ) -> None:
        """Deletes a device in failed state; `force_forget` gives up on its node."""
        self._call("device_delete", device_id, {"forceforget": force_forget}, progress)

    def device_state(
        self, device_id: str, state: str, *, healcheck: str = "", progress: OnProgress | None = None
    ) -> None:
        """Changes the state to `online`, `offline` or `failed`; the last one moves every brick away."""
        self._call("device_state", device_id, {"state": state, "healcheck": healcheck}, progress)

    def device_resync(self, device_id: str, *, progress: OnProgress | None = None) -> None:
        """Reads the sizes of a device again."""
        self._call("device_resync", device_id, progress=progress)

    def device_set_tags(
        self, device_id: str, tags: Mapping[str, str], *, change_type: str = "set"
    ) -> dict[str, str]:
        """Changes the tags (`set`, `update`, `delete`) and returns them."""
        return dict(self._call("device_set_tags", device_id, {"tags": dict(tags), "change_type": change_type}))

    def device_replace(self, device_id: str, *, name: str = "", progress: OnProgress | None = None) -> None:
        """Makes the bricks of a device again, on the empty disk that took its place, perhaps under another
        `name`."""
        self._call("device_replace", device_id, {"name": name}, progress)

    def brick_evict(self, brick_id: str, *, healcheck: str = "", progress: OnProgress | None = None) -> None:
        """Moves a brick to another device."""
        self._call("brick_evict", brick_id, {"healcheck": healcheck}, progress)

    # Volumes

    def volume_create(
        self,
        size: int,
        durability: Durability = "replicate:3",
        *,
        name: str = "",
        clusters: Sequence[str] = (),
        gid: int = 0,
        options: Sequence[str] = (),
        block: bool = False,
        snapshot_factor: float | None = None,
        progress: OnProgress | None = None,
    ) -> Volume:
        """Creates a volume.

        - `size` in GiB.
        - `durability`: `none`, `replicate:3`, `disperse:4+2`.
        - `clusters`: those that may be taken, in order of preference; all by default.
        - `gid`: the group that owns it.
        - `options`: `key value`, as gluster has them, and heketi's own such as
          `user.heketi.arbiter true`.
        - `block`: it is to host block volumes.
        - `snapshot_factor`: room for snapshots, as a factor of the size.
        """
        body = volume_json(size, durability, name, clusters, gid, options, block, snapshot_factor)
        return Volume.from_dict(self._call("volume_create", body=body, progress=progress))

    def volume_list(self) -> list[str]:
        """The ids of all volumes."""
        return list(self._call("volume_list")["volumes"])

    def volume_info(self, volume_id: str) -> Volume:
        """One volume."""
        return Volume.from_dict(self._call("volume_info", volume_id))

    def volume_explain(self, volume_id: str) -> list[PlacedBrick]:
        """Where each brick of a volume stands, and why."""
        told = self._call("volume_explain", volume_id)
        return [PlacedBrick.from_dict(brick) for brick in told["bricks"]]

    def volume_expand(self, volume_id: str, expand_size: int, *, progress: OnProgress | None = None) -> Volume:
        """Makes a volume larger by `expand_size` GiB."""
        body = {"expand_size": expand_size}
        return Volume.from_dict(self._call("volume_expand", volume_id, body, progress))

    def volume_clone(self, volume_id: str, *, name: str = "", progress: OnProgress | None = None) -> Volume:
        """Clones a volume."""
        return Volume.from_dict(self._call("volume_clone", volume_id, {"name": name}, progress))

    def volume_block_restriction(
        self, volume_id: str, restriction: str, *, progress: OnProgress | None = None
    ) -> Volume:
        """Locks a block hosting volume against new block volumes (`locked`), or unlocks it (`unrestricted`)."""
        body = {"restriction": restriction}
        return Volume.from_dict(self._call("volume_block_restriction", volume_id, body, progress))

    def volume_delete(self, volume_id: str, *, progress: OnProgress | None = None) -> None:
        """Deletes a volume."""
        self._call("volume_delete", volume_id, progress=progress)

    # Block volumes

    def block_volume_create(
        self,
        size: int,
        *,
        name: str = "",
        ha: int = 0,
        auth: bool = False,
        clusters: Sequence[str] = (),
        progress: OnProgress | None = None,
    ) -> BlockVolume:
        """Creates a block volume of `size` GiB that `ha` hosts serve; 0 is all."""
        body = {"size": size, "name": name, "hacount": ha, "auth": auth, "clusters": list(clusters)}
        return BlockVolume.from_dict(self._call("block_volume_create", body=body, progress=progress))

    def block_volume_list(self) -> list[str]:
        """The ids of all block volumes."""
        return list(self._call("block_volume_list")["blockvolumes"])

    def block_volume_info(self, volume_id: str) -> BlockVolume:
        """One block volume."""
        return BlockVolume.from_dict(self._call("block_volume_info", volume_id))

    def block_volume_expand(
        self, volume_id: str, new_size: int, *, progress: OnProgress | None = None
    ) -> BlockVolume:
        """Makes a block volume as large as `new_size` GiB."""
        body = {"new_size": new_size}
        return BlockVolume.from_dict(self._call("block_volume_expand", volume_id, body, progress))

    def block_volume_delete(self, volume_id: str, *, progress: OnProgress | None = None) -> None:
        """Deletes a block volume."""
        self._call("block_volume_delete", volume_id, progress=progress)

    # Operations and state

    def operations_info(self) -> dict[str, int]:
        """How many operations are recorded: `total`, `in_flight`, `stale`, `failed`, `new`."""
        return dict(self._call("operations_info"))

    def pending_operation_list(self) -> list[Operation]:
        """All recorded operations."""
        told = self._call("pending_operation_list")
        return [Operation.from_dict(operation) for operation in told["pendingoperations"]]

    def pending_operation_cleanup(self, operations: Sequence[str] = ()) -> None:
        """Resumes stale and failed operations, all or these. What became of each, the list tells."""
        self._call("pending_operation_cleanup", body={"operations": list(operations)})

    def audit(self, *, nodes: bool = False) -> list[Finding]:
        """Compares the state with itself, and with what the nodes report if they are to be asked."""
        told = self._call("audit", body={"apply": nodes})
        return [Finding.from_dict(finding) for finding in told["findings"]]

    def audit_repair_plan(self, findings: Sequence[str] = ()) -> list[dict[str, Any]]:
        """What would be done about these findings of an audit, or about all."""
        return list(self._call("audit_repair_plan", body={"findings": list(findings)})["repairs"])

    def audit_repair(self, findings: Sequence[str] = (), *, progress: OnProgress | None = None) -> None:
        """Does it."""
        self._call("audit_repair", body={"apply": True, "findings": list(findings)}, progress=progress)


def _progress(callback: OnProgress) -> Callable[[str], None]:
    def told(text: str) -> None:
        callback(Progress.from_dict(json.loads(text)))

    return told
