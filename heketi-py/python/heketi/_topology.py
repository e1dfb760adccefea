"""heketi's topology file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Invalid

Topology = str | os.PathLike[str] | Mapping[str, Any]
"""The path of a topology file, or what is in it."""


@dataclass(frozen=True)
class DeviceEntry:
    name: str
    tags: dict[str, str]
    destroy_data: bool


@dataclass(frozen=True)
class NodeEntry:
    zone: int
    manage: list[str]
    storage: list[str]
    tags: dict[str, str]
    devices: list[DeviceEntry]

    def is_named(self, manage: Iterable[str], storage: Iterable[str]) -> bool:
        """Does a node with these names stand for this entry?"""
        return bool(set(self.manage) & set(manage)) or bool(set(self.storage) & set(storage))


@dataclass(frozen=True)
class ClusterEntry:
    file: bool
    block: bool
    nodes: list[NodeEntry]

    def has_node(self, manage: Iterable[str], storage: Iterable[str]) -> bool:
        """Is a node with these names one of this cluster's?"""
        names = list(manage), list(storage)
        return any(node.is_named(*names) for node in self.nodes)


def topology_json(topology: Topology) -> Mapping[str, Any]:
    """What is in the file."""
    if isinstance(topology, Mapping):
        return topology
    try:
        with open(topology, encoding="utf-8") as file:
            read = json.load(file)
    except ValueError as error:
        raise Invalid(f"{os.fspath(topology)} is not JSON: {error}") from None
    if not isinstance(read, dict):
        raise Invalid(f"{os.fspath(topology)} is no topology: it holds no object")
    return read


def read_topology(topology: Topology) -> list[ClusterEntry]:
    """The clusters of a topology file, read whole before anything is done."""
    try:
        return [_cluster(cluster) for cluster in topology_json(topology)["clusters"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise Invalid(f"this is no topology file: {type(error).__name__}: {error}") from None


def _cluster(cluster: Mapping[str, Any]) -> ClusterEntry:
    nodes = [_node(node) for node in cluster.get("nodes", [])]
    return ClusterEntry(cluster.get("file", True), cluster.get("block", True), nodes)


def _node(entry: Mapping[str, Any]) -> NodeEntry:
    node = entry["node"]
    hostnames = node["hostnames"]
    devices = [_device(device) for device in entry.get("devices", [])]
    return NodeEntry(
        node["zone"], list(hostnames["manage"]), list(hostnames["storage"]), dict(node.get("tags", {})), devices
    )


def _device(device: str | Mapping[str, Any]) -> DeviceEntry:
    if isinstance(device, str):
        return DeviceEntry(device, {}, False)
    return DeviceEntry(device["name"], dict(device.get("tags", {})), bool(device.get("destroydata", False)))
