"""What the engine tells, as typed records. Every record keeps the JSON it came from: `to_dict()`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

R = TypeVar("R", bound="Record")


@dataclass(frozen=True)
class Record:
    """A record. Sizes of volumes are in GiB, those of devices and bricks in KiB, as the service tells them."""

    _json: Mapping[str, Any] = field(repr=False, compare=False, kw_only=True, default_factory=dict)

    @classmethod
    def from_dict(cls: type[R], json: Mapping[str, Any]) -> R:
        """The record of a dict that the service or `to_dict` made."""
        return cls(**cls._fields(json), _json=json)

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The JSON of heketi's REST service for it, with everything the attributes leave out."""
        return copy.deepcopy(dict(self._json))


@dataclass(frozen=True)
class Cluster(Record):
    """A cluster."""

    id: str
    file: bool
    block: bool
    nodes: list[str]
    volumes: list[str]
    block_volumes: list[str]

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": json["id"],
            "file": json["file"],
            "block": json["block"],
            "nodes": list(json["nodes"]),
            "volumes": list(json["volumes"]),
            "block_volumes": list(json["blockvolumes"]),
        }


@dataclass(frozen=True)
class Brick(Record):
    """A brick; `size` in KiB."""

    id: str
    path: str
    device: str
    node: str
    volume: str
    size: int

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        return {name: json[name] for name in ("id", "path", "device", "node", "volume", "size")}


@dataclass(frozen=True)
class Device(Record):
    """A device; `total`, `free` and `used` in KiB."""

    id: str
    name: str
    state: str
    total: int
    free: int
    used: int
    tags: dict[str, str]
    bricks: list[Brick]

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": json["id"],
            "name": json["name"],
            "state": json["state"],
            **{name: json["storage"][name] for name in ("total", "free", "used")},
            "tags": dict(json.get("tags", {})),
            "bricks": [Brick.from_dict(brick) for brick in json["bricks"]],
        }


@dataclass(frozen=True)
class Node(Record):
    """A node. `manage` are the names commands reach it by, `storage` those gluster knows."""

    id: str
    cluster: str
    zone: int
    state: str
    manage: list[str]
    storage: list[str]
    tags: dict[str, str]
    devices: list[Device]

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": json["id"],
            "cluster": json["cluster"],
            "zone": json["zone"],
            "state": json["state"],
            "manage": list(json["hostnames"]["manage"]),
            "storage": list(json["hostnames"]["storage"]),
            "tags": dict(json.get("tags", {})),
            "devices": [Device.from_dict(device) for device in json["devices"]],
        }


@dataclass(frozen=True)
class Volume(Record):
    """A volume; `size` in GiB, `mount` is what clients mount: `host:name`."""

    id: str
    name: str
    cluster: str
    size: int
    durability: str
    block: bool
    options: list[str]
    mount: str
    hosts: list[str]
    bricks: list[Brick]

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        glusterfs = json["mount"]["glusterfs"]
        return {
            "id": json["id"],
            "name": json["name"],
            "cluster": json["cluster"],
            "size": json["size"],
            "durability": durability_text(json["durability"]),
            "block": json.get("block", False),
            "options": list(json.get("glustervolumeoptions") or []),
            "mount": glusterfs["device"],
            "hosts": list(glusterfs["hosts"]),
            "bricks": [Brick.from_dict(brick) for brick in json["bricks"]],
        }


@dataclass(frozen=True)
class BlockVolume(Record):
    """A block volume; `size` in GiB. User and password are in `to_dict()` alone."""

    id: str
    name: str
    cluster: str
    size: int
    hosting_volume: str
    hosts: list[str]
    iqn: str
    lun: int

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        target = json["blockvolume"]
        return {
            "id": json["id"],
            "name": json["name"],
            "cluster": json["cluster"],
            "size": json["size"],
            "hosting_volume": json["blockhostingvolume"],
            "hosts": list(target["hosts"]),
            "iqn": target["iqn"],
            "lun": target["lun"],
        }


@dataclass(frozen=True)
class PlacedBrick(Record):
    """Where a brick stands, or would stand, and why; `size` in KiB."""

    host: str
    zone: int
    device: str
    size: int
    set: int | None
    arbiter: bool
    reason: str

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        return {name: json[name] for name in ("host", "zone", "device", "size", "set", "arbiter", "reason")}


@dataclass(frozen=True)
class Operation(Record):
    """A recorded operation; `status` is empty, `stale` or `failed`."""

    id: str
    type_name: str
    status: str

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        return {name: json[name] for name in ("id", "type_name", "status")}


@dataclass(frozen=True)
class Progress(Record):
    """How far an operation is: the phase it is about to run."""

    operation: str
    type_name: str
    description: str
    phase: str
    error: str | None

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        return {name: json[name] for name in ("operation", "type_name", "description", "phase", "error")}


@dataclass(frozen=True)
class Event(Record):
    """Something that happened.

    `kind` is `step.started`, `step.done` or `step.failed` for work on a node (`host`), or has the names of the
    REST service's events, told once they are on disk: `operation.started`, `operation.done`, `operation.failed`,
    `operation.suspended`, `operation.resumed`, and `created`, `changed`, `deleted` of `cluster`, `node`, `device`,
    `volume` and `blockvolume`; `to_dict()["event"]` is all that the service tells then. `missed` tells that the
    reader was too slow.
    """

    kind: str
    id: str
    host: str
    text: str

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        return {name: json[name] for name in ("kind", "id", "host", "text")}


@dataclass(frozen=True)
class Finding(Record):
    """A finding of an audit."""

    id: str
    severity: str
    text: str
    repair: str

    @classmethod
    def _fields(cls, json: Mapping[str, Any]) -> dict[str, Any]:
        return {name: json[name] for name in ("id", "severity", "text", "repair")}


def durability_text(durability: Mapping[str, Any]) -> str:
    """`none`, `replicate:3`, `disperse:4+2`: the short form of a durability in JSON."""
    kind = durability.get("type") or "none"
    if kind == "replicate":
        return f"replicate:{durability.get('replicate', {}).get('replica') or 2}"
    if kind == "disperse":
        parts = durability.get("disperse", {})
        return f"disperse:{parts.get('data')}+{parts.get('redundancy')}"
    return str(kind)
