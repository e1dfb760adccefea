"""heketi in this process; its commands go through a class of this program."""

import heketi

# Simulated nodes, so that this runs anywhere. On real ones, `run` would call Ansible, a container runtime, …
nodes = heketi.MockExecutor(device_size=100)


class Logged:
    """Runs commands and keeps count of them."""

    def __init__(self) -> None:
        self.count = 0

    def run(self, host: str, command: str, timeout: float) -> heketi.CommandResult:
        self.count += 1
        return nodes.run(host, command, timeout)


HOSTS = {"gfs1": "192.0.2.1", "gfs2": "192.0.2.2", "gfs3": "192.0.2.3"}
for manage, storage in HOSTS.items():
    nodes.add_node(manage, storage)

runner = Logged()
with heketi.Engine.open(executor=runner) as engine:
    cluster = engine.cluster_create()
    for zone, (manage, storage) in enumerate(HOSTS.items(), start=1):
        node = engine.node_add(cluster.id, zone, manage, storage)
        engine.device_add(node.id, "/dev/sdb")
    volume = engine.volume_create(size=10, durability="replicate:3", progress=lambda it: print(it.description, it.phase))
    for brick in engine.volume_explain(volume.id):
        print(f"{brick.device} on {brick.host}: {brick.reason}")
print(runner.count, "commands")
