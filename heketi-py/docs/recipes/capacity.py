"""How does a cluster fill up? Draws the fill of each device after a year as capacity.png."""

import random
import sys

from heketi import plan

TOPOLOGY = {
    "clusters": [
        {
            "nodes": [
                {
                    "node": {"zone": 1 + n % 3, "hostnames": {"manage": [f"node{n}"], "storage": [f"192.0.2.{n}"]}},
                    "devices": [{"name": f"/dev/sd{disk}", "size": 4096} for disk in "bcde"],
                }
                for n in range(9)
            ]
        }
    ]
}

cluster = plan.load(TOPOLOGY)
(room,) = cluster.capacity(size=100, durability="replicate:3")
print(f"{room.volumes} volumes of 100 GiB fit; the largest single one has {room.largest} GiB")

chance = random.Random(1)
year: list[dict[str, object]] = []
living: list[str] = []
for day in range(365):
    name = f"volume{day}"
    year.append({"name": name, "size": chance.choice([50, 100, 200]), "durability": "replicate:3"})
    living.append(name)
    if chance.random() < 0.3:
        year.append({"op": "delete", "name": living.pop(chance.randrange(len(living)))})
result = cluster.simulate(year)
balance = result.plan.balance()
print(f"{result}; devices from {balance.lowest:.0%} to {balance.highest:.0%}")

try:
    import matplotlib
except ImportError:
    sys.exit(0)
matplotlib.use("Agg")
from matplotlib import pyplot

devices = result.plan.devices()
pyplot.figure(figsize=(12, 4))
pyplot.bar([f"{device.host} {device.name[5:]}" for device in devices], [100 * device.fill for device in devices])
pyplot.ylabel("fill, %")
pyplot.xticks(rotation=90)
pyplot.tight_layout()
pyplot.savefig("capacity.png")
