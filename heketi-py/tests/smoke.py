"""Does the module do its work? With the standard library alone; the full suite is in pytests."""

import asyncio
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

import heketi
import heketi.aio
from heketi import plan

TOPOLOGY = {
    "clusters": [
        {
            "nodes": [
                {
                    "node": {"zone": zone, "hostnames": {"manage": [f"n{zone}"], "storage": [f"192.0.2.{zone}"]}},
                    "devices": ["/dev/sdb", "/dev/sdc"],
                }
                for zone in (1, 2, 3)
            ]
        }
    ]
}


class Smoke(unittest.TestCase):
    def test_import_starts_nothing_and_needs_no_libpython(self) -> None:
        code = "import threading, heketi; print(threading.active_count(), len(__import__('os').listdir('/proc/self/task')))"
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        self.assertEqual(told.stdout.split(), ["1", "1"])
        module = heketi._heketi.__file__
        assert module
        self.assertNotIn(b"libpython3", pathlib.Path(module).read_bytes())

    def test_an_engine_lives_on_in_its_database(self) -> None:
        mock = heketi.MockExecutor()
        with tempfile.TemporaryDirectory() as directory:
            db = pathlib.Path(directory) / "heketi.db"
            told: list[object] = []
            with heketi.Engine.open(db, executor=mock) as engine:
                (cluster,) = engine.load_topology(TOPOLOGY)
                volume = engine.volume_create(size=10, name="data", progress=told.append)
                self.assertEqual((volume.durability, len(volume.bricks)), ("replicate:3", 3))
                with self.assertRaises(heketi.StoreError):
                    heketi.Engine.open(db, executor=mock)
            self.assertTrue(told)
            with heketi.Engine.open(db, executor=mock) as engine:
                self.assertEqual(engine.volume_info(volume.id), volume)
                self.assertEqual(engine.audit(nodes=True), [])
                with self.assertRaises(heketi.NoSpace) as lack:
                    engine.volume_create(size=2000)
                self.assertTrue(any("/dev/sdb on n1" in line for line in lack.exception.explanation))
                with self.assertRaises(heketi.Invalid):
                    engine.volume_create(size=0)
                engine.volume_delete(volume.id)
                with self.assertRaises(heketi.NotFound):
                    engine.volume_info(volume.id)
                self.assertEqual(engine.cluster_info(cluster.id).volumes, [])
            self.assertIn(0, [status for _, _, status in mock.lines()])
            with self.assertRaises(heketi.NotServing):
                engine.volume_list()

    def test_events_end_with_the_engine(self) -> None:
        engine = heketi.Engine.open(executor=heketi.MockExecutor())
        events = engine.events()
        cluster = engine.cluster_create()
        engine.close()
        self.assertEqual([(event.kind, event.id) for event in events], [("cluster.created", cluster.id)])

    def test_a_python_executor(self) -> None:
        mock = heketi.MockExecutor()
        seen: set[str] = set()

        class Through:
            def run(self, host: str, command: str, timeout: float) -> heketi.CommandResult:
                seen.add(threading.current_thread().name)
                self.check(timeout)
                return mock.run(host, command)

            def check(self, timeout: float) -> None:
                assert timeout > 0

        # Nodes of a mock come to be when its own engine names them.
        with heketi.Engine.open(executor=mock) as engine:
            engine.load_topology(TOPOLOGY)
            host = engine.nodes()[0].manage[0]
        self.assertEqual(Through().run(host, "gluster --mode=script pool list", 1).status, 0)

        class Dead:
            def run(self, host: str, command: str, timeout: float) -> heketi.CommandResult:
                raise heketi.Unavailable("no way to " + host)

        with heketi.Engine.open(executor=Dead()) as engine:
            cluster_id = engine.cluster_create().id
            with self.assertRaises(heketi.Unavailable) as failed:
                engine.node_add(cluster_id, 1, "far", "192.0.2.9")
            self.assertIn("no way to far", str(failed.exception))
        with self.assertRaises(TypeError):
            heketi.Engine.open(executor=object())  # type: ignore[arg-type]

    def test_plans(self) -> None:
        cluster = plan.load(TOPOLOGY, device_size=1000)
        (room,) = cluster.capacity(10)
        self.assertEqual((room.devices, room.free), (6, 6000))
        requests = [{"size": 10, "durability": "replicate:3", "count": room.volumes + 1}]
        filled = cluster.simulate(requests)
        self.assertEqual((filled.placed, [it.request for it in filled.refused]), (room.volumes, [room.volumes]))
        self.assertFalse(filled.plan.explain(10))
        self.assertTrue(cluster.explain(10))
        self.assertGreater(filled.plan.balance().lowest, 0.9)
        with self.assertRaises(heketi.Invalid):
            plan.load(TOPOLOGY)

    def test_coroutines(self) -> None:
        async def work() -> list[str]:
            async with await heketi.aio.Engine.open(executor=heketi.MockExecutor()) as engine:
                await engine.load_topology(TOPOLOGY)
                made = await asyncio.gather(*(engine.volume_create(size=2) for _ in range(4)))
                self.assertEqual(sorted(volume.id for volume in made), await engine.volume_list())
                with self.assertRaises(heketi.NotFound):
                    await engine.volume_info("none")
                return [volume.id for volume in made]

        self.assertEqual(len(set(asyncio.run(asyncio.wait_for(work(), 60)))), 4)

    def test_nobody_answers(self) -> None:
        with self.assertRaises(heketi.Unreachable) as failed:
            heketi.HeketiClient("http://127.0.0.1:9", "admin", "key").hello()
        self.assertIsInstance(failed.exception, (OSError, heketi.Unavailable))
        self.assertNotIn("key", str(failed.exception))


if __name__ == "__main__":
    unittest.main()
