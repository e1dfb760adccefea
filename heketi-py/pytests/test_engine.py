"""Progress, events, waiting: how an engine in the process tells what it does."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import heketi
from heketi import aio
from heketi.records import Event, Progress

from .conftest import topology


class Patient:
    """Simulated nodes on which nothing of a phase is done before that phase was told."""

    def __init__(self) -> None:
        self.mock = heketi.MockExecutor()
        self.told: dict[str, threading.Event] = {}

    def run(self, host: str, command: str, timeout: float) -> heketi.CommandResult:
        if self.told:
            assert self.told["volume" if "volume create" in command else "bricks"].wait(30)
        return self.mock.run(host, command)


def test_progress_tells_every_phase() -> None:
    told: list[Progress] = []
    nodes = Patient()

    def tell(progress: Progress) -> None:
        told.append(progress)
        nodes.told[progress.phase].set()

    for zone in (1, 2, 3):
        nodes.mock.add_node(f"n{zone}", f"192.0.2.{zone}")
    with heketi.Engine.open(executor=nodes) as engine:
        engine.load_topology(topology())
        nodes.told = {"bricks": threading.Event(), "volume": threading.Event()}
        volume = engine.volume_create(size=5, progress=tell)
        assert [it.phase for it in told] == ["bricks", "volume"]
        assert {it.type_name for it in told} == {"create-volume"}
        assert all(volume.id in it.description and it.error is None for it in told)
        assert len({it.operation for it in told}) == 1


def test_what_progress_raises_ends_the_wait_alone() -> None:
    def stop(progress: Progress) -> None:
        raise KeyError(progress.phase)

    with heketi.Engine.open(executor=heketi.MockExecutor()) as engine:
        engine.load_topology(topology())
        events = engine.events()
        with pytest.raises(KeyError):
            engine.volume_create(size=5, progress=stop)
        while (event := events.next(timeout=30)) and event.kind != "operation.done":
            pass
        assert event and len(engine.volume_list()) == 1


def test_events_tell_what_is_done_and_what_is_durable() -> None:
    with heketi.Engine.open(executor=heketi.MockExecutor()) as engine:
        engine.load_topology(topology())
        events, others = engine.events(), engine.events()
        assert events.next(timeout=0.01) is None
        volume = engine.volume_create(size=5, name="told")
        engine.volume_delete(volume.id)
    seen = list(events)
    assert sorted(it.kind for it in others) == sorted(it.kind for it in seen)
    durable = [it for it in seen if not it.kind.startswith("step.")]
    operations = [it.kind for it in durable if it.kind.startswith("operation.")]
    assert operations == ["operation.started", "operation.done"] * 2
    assert [it.id for it in durable if it.kind in ("volume.created", "volume.deleted")] == [volume.id] * 2
    created = next(it for it in durable if it.kind == "volume.created")
    assert created.text == "told" and created.to_dict()["event"]["object"]["id"] == volume.id
    steps = [it for it in seen if it.kind.startswith("step.")]
    assert len([it for it in steps if it.kind == "step.started"]) == len(steps) / 2
    assert {it.host for it in steps} <= {"n1", "n2", "n3"}
    assert events.next() is None and events.next(timeout=1) is None


def test_failed_steps_and_operations_are_told() -> None:
    mock = heketi.MockExecutor()
    with heketi.Engine.open(executor=mock) as engine:
        engine.load_topology(topology())
        events = engine.events()
        mock.set_up("n2", False)
        with pytest.raises(heketi.Error):
            engine.device_add(engine.nodes()[0].id, "/dev/sdb")
        with pytest.raises(heketi.Error, match="no answer"):
            engine.volume_create(size=5)
    told = list(events)
    assert {it.host for it in told if it.kind == "step.failed"} == {"n2"}
    assert any("no answer" in it.text for it in told if it.kind.startswith("operation."))


def test_a_slow_reader_misses_nothing_that_is_remembered() -> None:
    with heketi.Engine.open(executor=heketi.MockExecutor()) as engine:
        events = engine.events()
        made = [engine.cluster_create().id for _ in range(1200)]
        seen: list[Event] = []
        while len(seen) < len(made) and (event := events.next(timeout=30)):
            seen.append(event)
        assert [(it.kind, it.id) for it in seen] == [("cluster.created", cluster) for cluster in made]


def test_coroutines_tell_the_same() -> None:
    async def work() -> tuple[list[str], list[str]]:
        phases: list[str] = []
        async with await aio.Engine.open(executor=heketi.MockExecutor()) as engine:
            await engine.load_topology(topology())
            events = engine.events()
            reader = asyncio.ensure_future(collected(events))
            await engine.volume_create(size=5, progress=lambda it: phases.append(it.phase))
        return phases, await reader

    async def collected(events: aio.Events) -> list[str]:
        return [it.kind async for it in events]

    phases, kinds = asyncio.run(asyncio.wait_for(work(), 60))
    # Simulated nodes are quick: a phase can be over before anybody looks.
    assert phases and set(phases) <= {"bricks", "volume"}
    assert {"operation.started", "step.started", "volume.created", "operation.done"} <= set(kinds)


def test_one_engine_in_several_threads() -> None:
    with heketi.Engine.open(executor=heketi.MockExecutor()) as engine:
        engine.load_topology(topology())
        made: list[str] = []
        threads = [threading.Thread(target=lambda: made.append(engine.volume_create(size=1).id)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(made) == engine.volume_list() and len(set(made)) == 8


INTERRUPTED = {
    "engine": """
import threading, heketi
class Slow:
    def run(self, host, command, timeout):
        print('ready', flush=True)
        threading.Event().wait(3)
        return heketi.CommandResult(1)
engine = heketi.Engine.open(executor=Slow())
engine.node_add(engine.cluster_create().id, 1, 'far', '192.0.2.9')
""",
    "events": """
import heketi
events = heketi.Engine.open(executor=heketi.MockExecutor()).events()
print('ready', flush=True)
events.next()
""",
    "simulation": """
import heketi
node = lambda n: {'node': {'zone': n, 'hostnames': {'manage': [f'n{n}'], 'storage': [f's{n}']}}, 'devices': ['/dev/sdb']}
plan = heketi.plan.load({'clusters': [{'nodes': [node(n) for n in range(3)]}]}, device_size=10**6)
requests = [{'op': op, 'name': 'a', 'size': 1} for op in ('create', 'delete')] * 10**4
print('ready', flush=True)
while True:
    plan.simulate(requests)
""",
}


@pytest.mark.parametrize("wait", sorted(INTERRUPTED))
def test_ctrl_c_interrupts(wait: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED[wait]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in told and process.returncode != 0


def test_a_simulation_lets_other_threads_run() -> None:
    from heketi import plan

    cluster = plan.load(topology(), device_size=10**5, policy={"max_volumes_per_cluster": 10**6})
    ran, over = threading.Event(), threading.Event()

    def other() -> None:
        while not over.wait(0.001):
            ran.set()

    before = sys.getswitchinterval()
    thread = threading.Thread(target=other)
    # From here on a thread runs only when another one lets go of the interpreter lock by itself.
    sys.setswitchinterval(1000)
    try:
        thread.start()
        ran.clear()
        cluster.simulate([{"size": 1, "durability": "none", "count": 5000}])
        assert ran.is_set()
    finally:
        sys.setswitchinterval(before)
        over.set()
        thread.join(30)


def test_a_database_belongs_to_one_engine(tmp_path: Path) -> None:
    mock = heketi.MockExecutor()
    with heketi.Engine.open(tmp_path / "db", executor=mock):
        with pytest.raises(heketi.StoreError, match="db"):
            heketi.Engine.open(tmp_path / "db", executor=mock)
    (tmp_path / "text").write_text("no database")
    with pytest.raises(heketi.StoreError, match="text"):
        heketi.Engine.open(tmp_path / "text", executor=mock)
