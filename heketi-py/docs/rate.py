"""How many placements a second: fills a cluster of 1000 devices of 4 TiB, ten a node, in ten zones.

`seconds` of a simulation is the time of the loop, which other work on the machine lengthens: the quickest of a few
counts. Build the module for release (`pip install ./heketi-py` does) before you believe a figure.
"""

import sys

from heketi import plan

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
TRIES = 5

TOPOLOGY = {
    "clusters": [
        {
            "nodes": [
                {
                    "node": {
                        "zone": 1 + n % 10,
                        "hostnames": {"manage": [f"node{n}"], "storage": [f"192.0.2.{n}"]},
                    },
                    "devices": [{"name": f"/dev/sd{disk}", "size": 4096} for disk in "bcdefghijk"],
                }
                for n in range(100)
            ]
        }
    ]
}

cluster = plan.load(TOPOLOGY, policy={"max_volumes_per_cluster": 10 * COUNT})
for durability in ("none", "replicate:3", "disperse:4+2"):
    requests = [{"size": 10, "durability": durability, "count": COUNT}]
    done = min((cluster.simulate(requests) for _ in range(TRIES)), key=lambda done: done.seconds)
    print(
        f"{durability}: {done.placed} volumes of 10 GiB in {done.seconds:.2f} s: "
        f"{done.volumes_per_second:,.0f} volumes and {done.placements_per_second:,.0f} bricks a second"
    )
