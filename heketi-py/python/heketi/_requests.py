"""Bodies of requests from keyword arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import Invalid

Durability = str | Mapping[str, Any]
"""`none`, `replicate:3` (`replicate` alone means 3), `disperse:4+2` (`disperse` alone means that), or the
JSON of a request."""


def durability_json(durability: Durability) -> dict[str, Any]:
    """The JSON of a durability."""
    if not isinstance(durability, str):
        return dict(durability)
    kind, _, rest = durability.partition(":")
    if kind == "none" and not rest:
        return {"type": "none"}
    if kind == "replicate" and re.fullmatch(r"\d*", rest):
        return {"type": "replicate", "replicate": {"replica": int(rest or 3)}}
    parts = re.fullmatch(r"(\d+)\+(\d+)", rest or "4+2")
    if kind == "disperse" and parts:
        data, redundancy = map(int, parts.groups())
        return {"type": "disperse", "disperse": {"data": data, "redundancy": redundancy}}
    raise Invalid(f"durability {durability!r} is none of none, replicate:3, disperse:4+2")


def volume_json(
    size: int,
    durability: Durability,
    name: str,
    clusters: Sequence[str],
    gid: int,
    options: Sequence[str],
    block: bool,
    snapshot_factor: float | None,
) -> dict[str, Any]:
    """The body of a request for a volume."""
    if isinstance(size, bool) or not isinstance(size, int):
        raise Invalid(f"size must be a whole number of GiB, not {size!r}")
    body: dict[str, Any] = {
        "size": size,
        "durability": durability_json(durability),
        "name": name,
        "clusters": list(clusters),
        "gid": gid,
        "glustervolumeoptions": list(options),
        "block": block,
    }
    if snapshot_factor is not None:
        body["snapshot"] = {"enable": True, "factor": snapshot_factor}
    return body


def named(names: str | Sequence[str]) -> list[str]:
    """One name or several, as a list."""
    return [names] if isinstance(names, str) else list(names)


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were given."""
    return {name: value for name, value in values.items() if value is not None}
