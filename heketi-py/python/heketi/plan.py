"""What-if without any server: how much fits, where volumes would go, and how a cluster fills up.

    from heketi import plan

    cluster = plan.load("topology.json", device_size=4096)
    print(cluster.capacity())
    print(cluster.explain(size=500, durability="replicate:3"))
    year = cluster.simulate([{"size": 100, "durability": "replicate:3", "count": 2000}])
    print(year, year.plan.balance())

Placement is the engine's own: the same state and request give the same devices.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import _heketi
from ._requests import Durability, durability_json, volume_json, without_none
from .errors import Invalid
from .records import PlacedBrick

if TYPE_CHECKING:
    import pandas

KIB_PER_GIB = 1024 * 1024

SimulatedRequest = Mapping[str, Any]
"""A request of a simulation:

- `op`: `create` (the default), `expand`, `delete`;
- `name`: of the volume, for expand and delete, and for create if it is named later;
- for create `size` in GiB, `durability` and whatever else a request of the REST service holds;
- for expand `expand_size` in GiB;
- `count`: how often, 1 by default.
"""


def load(
    source: str | os.PathLike[str] | Mapping[str, Any],
    *,
    device_size: int | None = None,
    policy: Mapping[str, Any] | None = None,
) -> Plan:
    """Reads a state, from a path or a dict:

    - a topology file for `heketi-cli topology load`;
    - what `heketi-cli topology info --json` and `topology_info()` tell, with the volumes there are;
    - the export of a database: `heketi db export`, `heketi-cli db dump`, `db_dump().json()`;
    - a database file, of heketi 4 to 10 or later: a copy, for a running server has its own locked.

    Parameters:

    - `device_size` in GiB: for devices whose `size` (GiB) a topology file does not tell.
    - `policy`: limits and defaults of placement with the names of heketi.json, such as `brick_max_size_gb`,
      `max_bricks_per_volume`, `zone_checking`.
    """
    size = None if device_size is None else device_size * KIB_PER_GIB
    limits = json.dumps(without_none(policy or {}))
    if isinstance(source, Mapping):
        return Plan(_heketi.Plan.load(json.dumps(source), size, limits))
    with open(source, "rb"):
        pass  # What the system says of a file that cannot be read is raised here.
    return Plan(_heketi.Plan.open(os.fspath(source), size, limits))


@dataclass(frozen=True)
class Capacity:
    """Room in a cluster for volumes of one kind; sizes in GiB."""

    cluster: str
    largest: int
    """The largest volume that fits."""
    volumes: int
    """How many volumes of the size that was asked for fit, if all are split alike."""
    devices: int
    """Devices that can take bricks."""
    free: int
    """Their free space."""
    total: int
    """Their size."""

    def to_dict(self) -> dict[str, Any]:
        """As a dict."""
        return dict(vars(self))


@dataclass(frozen=True)
class Explanation:
    """Where a volume would be placed, or why it finds no place."""

    fits: bool
    text: str
    lines: list[str]
    bricks: list[PlacedBrick]

    def __bool__(self) -> bool:
        return self.fits

    def __str__(self) -> str:
        return "\n".join([self.text, *self.lines])

    def to_dict(self) -> dict[str, Any]:
        """As a dict."""
        return {**vars(self), "bricks": [brick.to_dict() for brick in self.bricks]}


@dataclass(frozen=True)
class Device:
    """A device and how full it is; sizes in GiB."""

    id: str
    name: str
    host: str
    zone: int
    cluster: str
    state: str
    tags: dict[str, str]
    total: float
    used: float
    free: float
    bricks: int

    @property
    def fill(self) -> float:
        """The used part, from 0 to 1."""
        return self.used / self.total if self.total else 0.0

    def to_dict(self) -> dict[str, Any]:
        """As a dict."""
        return {**vars(self), "fill": self.fill}


@dataclass(frozen=True)
class Balance:
    """How evenly devices are filled: parts from 0 to 1."""

    devices: int
    mean: float
    lowest: float
    highest: float
    deviation: float
    """Standard deviation of the fill of devices."""
    zones: dict[int, float]
    """Fill of each zone."""
    hosts: dict[str, float]
    """Fill of each node."""

    def to_dict(self) -> dict[str, Any]:
        """As a dict."""
        return dict(vars(self))


class Plan:
    """A state in memory. It never changes: `simulate` returns another one."""

    def __init__(self, native: _heketi.Plan) -> None:
        self._native = native

    def capacity(
        self,
        size: int = 1,
        durability: Durability = "replicate:3",
        *,
        clusters: Sequence[str] = (),
        options: Sequence[str] = (),
        block: bool = False,
        snapshot_factor: float | None = None,
    ) -> list[Capacity]:
        """How much room each cluster has for volumes like this one."""
        body = volume_json(size, durability, "", clusters, 0, options, block, snapshot_factor)
        return [Capacity(**told) for told in json.loads(self._native.capacity(json.dumps(body)))]

    def explain(
        self,
        size: int,
        durability: Durability = "replicate:3",
        *,
        name: str = "",
        clusters: Sequence[str] = (),
        options: Sequence[str] = (),
        block: bool = False,
        snapshot_factor: float | None = None,
    ) -> Explanation:
        """Where this volume would be placed and why, or why it finds no place."""
        body = volume_json(size, durability, name, clusters, 0, options, block, snapshot_factor)
        told = json.loads(self._native.explain(json.dumps(body)))
        bricks = [PlacedBrick.from_dict(brick) for brick in told["bricks"]]
        return Explanation(told["fits"], told["text"], told["lines"], bricks)

    def simulate(
        self, requests: Iterable[SimulatedRequest], *, samples: int = 366, stop_when_full: bool = False
    ) -> Simulation:
        """Does all requests, one after the other. A wrong one raises `heketi.Invalid` before any is done; one
        that finds no place is noted, and with `stop_when_full` ends the simulation. `samples` is how often the
        space in use is noted."""
        written = [_request(request) for request in requests]
        sets, bricks, refusals, fill, seconds, plan = self._native.simulate(
            json.dumps(written), samples, stop_when_full
        )
        return Simulation(sets, [Refused(*refusal) for refusal in refusals], fill, seconds, Plan(plan), bricks)

    def devices(self) -> list[Device]:
        """All devices."""
        return [_device(told) for told in json.loads(self._native.devices())]

    def volumes(self) -> list[dict[str, Any]]:
        """All volumes: id, name, cluster, size in GiB, durability, number of bricks. Those that an operation of a
        database is just making or deleting are left out; their space is in use."""
        return list(json.loads(self._native.volumes()))

    def balance(self) -> Balance:
        """How evenly the devices are filled."""
        devices = self.devices()
        fills = [device.fill for device in devices] or [0.0]
        return Balance(
            len(devices),
            statistics.fmean(fills),
            min(fills),
            max(fills),
            statistics.pstdev(fills),
            _fill_by(devices, "zone"),
            _fill_by(devices, "host"),
        )

    def to_pandas(self) -> pandas.DataFrame:
        """The devices as a data frame, one row each. Needs pandas."""
        import pandas

        frame: pandas.DataFrame = pandas.DataFrame([device.to_dict() for device in self.devices()])
        return frame


@dataclass(frozen=True)
class Refused:
    """A request that was not done."""

    request: int
    """Its number, counting from 0, repetitions included."""
    text: str
    """Why."""


@dataclass(frozen=True)
class Simulation:
    """What a simulation came to."""

    sets: list[int] = field(repr=False)
    """For each request the brick sets it got; 0 if it was refused, and for delete."""
    refused: list[Refused] = field(repr=False)
    """The requests that were not done."""
    fill: list[tuple[int, float]] = field(repr=False)
    """After how many requests which part of all space was in use."""
    seconds: float
    """Time that placing took."""
    plan: Plan = field(repr=False)
    """The state at the end."""
    bricks: int = 0
    """Bricks of all volumes and expansions that found a place."""

    @property
    def placed(self) -> int:
        """Volumes and expansions that found a place."""
        return sum(1 for sets in self.sets if sets)

    @property
    def volumes_per_second(self) -> float:
        """Volumes and expansions placed in a second."""
        return self.placed / self.seconds if self.seconds else 0.0

    @property
    def placements_per_second(self) -> float:
        """Bricks that got their device in a second."""
        return self.bricks / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        return f"{self.placed} of {len(self.sets)} placed, {self.fill[-1][1]:.1%} of the space in use"

    def to_pandas(self) -> pandas.DataFrame:
        """The samples of the space in use as a data frame: `requests`, `fill`. Needs pandas."""
        import pandas

        frame: pandas.DataFrame = pandas.DataFrame(self.fill, columns=["requests", "fill"])
        return frame


def _request(request: SimulatedRequest) -> dict[str, Any]:
    if not isinstance(request, Mapping):
        raise Invalid(f"a request is a dict, not {type(request).__name__}")
    written = dict(request)
    if isinstance(written.get("durability"), str):
        written["durability"] = durability_json(written["durability"])
    return written


def _device(told: Mapping[str, Any]) -> Device:
    sizes = {name: told[name] / KIB_PER_GIB for name in ("total", "used", "free")}
    names = ("id", "name", "host", "zone", "cluster", "state", "tags", "bricks")
    return Device(**{name: told[name] for name in names}, **sizes)


def _fill_by(devices: list[Device], attribute: str) -> dict[Any, float]:
    sums: dict[Any, tuple[float, float]] = {}
    for device in devices:
        used, total = sums.get(getattr(device, attribute), (0.0, 0.0))
        sums[getattr(device, attribute)] = (used + device.used, total + device.total)
    return {key: used / total if total else 0.0 for key, (used, total) in sorted(sums.items())}
