"""Many volumes at once, with asyncio."""

import asyncio

import heketi
from heketi import aio

TOPOLOGY = {
    "clusters": [
        {
            "nodes": [
                {
                    "node": {"zone": zone, "hostnames": {"manage": [f"n{zone}"], "storage": [f"192.0.2.{zone}"]}},
                    "devices": ["/dev/sdb"],
                }
                for zone in (1, 2, 3)
            ]
        }
    ]
}


async def main() -> None:
    async with await aio.Engine.open(executor=heketi.MockExecutor()) as engine:
        await engine.load_topology(TOPOLOGY)
        volumes = await asyncio.gather(*(engine.volume_create(size=size) for size in range(1, 6)))
        for volume in volumes:
            print(volume.name, volume.size, "GiB")


asyncio.run(main())
