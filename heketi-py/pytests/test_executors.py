"""Every way to the nodes, up to its end: answers, failures, silence."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

import heketi

from .conftest import SimulatedNodes, topology


def test_over_ssh(node_sim: SimulatedNodes, tmp_path: Path) -> None:
    key = node_sim.directory / "id_ed25519"
    ssh = heketi.SshExecutor(key, port=node_sim.port)
    db = tmp_path / "heketi.db"
    with heketi.Engine.open(db, executor=ssh) as engine:
        (cluster,) = engine.load_topology(node_sim.directory / "topology.json")
        assert len(cluster.nodes) == 3
        volume = engine.volume_create(size=10, durability="replicate:3", name="over-ssh")
        assert sorted(brick.host for brick in engine.volume_explain(volume.id)) == sorted(
            node.manage[0] for node in engine.nodes()
        )
        assert engine.audit(nodes=True) == []
    # The keys of the hosts are remembered; a stricter executor knows none of them.
    with heketi.Engine.open(db, executor=heketi.SshExecutor(key, port=node_sim.port)) as engine:
        engine.volume_delete(volume.id)
    (tmp_path / "known_hosts").write_text("")
    strict = heketi.SshExecutor(key, port=node_sim.port, known_hosts=[tmp_path / "known_hosts"])
    with heketi.Engine.open(db, executor=strict) as engine, pytest.raises(heketi.Error) as refused:
        engine.volume_create(size=1)
    assert "host key" in str(refused.value)


def test_keys_and_nodes_that_are_not_there(node_sim: SimulatedNodes, tmp_path: Path) -> None:
    with pytest.raises(heketi.Error, match="none"):
        heketi.Engine.open(executor=heketi.SshExecutor(tmp_path / "none"))
    with pytest.raises(heketi.Invalid, match="sometimes"):
        heketi.SshExecutor("key", host_key_policy="sometimes")
    nobody = heketi.SshExecutor(node_sim.directory / "id_ed25519", port=1)
    with heketi.Engine.open(executor=nobody) as engine:
        cluster = engine.cluster_create()
        with pytest.raises(heketi.Unavailable, match="127.77.0.1"):
            engine.node_add(cluster.id, 1, "127.77.0.1", "127.77.0.1")


def test_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    with heketi.Engine.open(executor=heketi.LocalExecutor(gluster_cli_timeout=20)) as engine:
        cluster = engine.cluster_create()
        gluster = tmp_path / "gluster"
        for script, said in (
            ("echo connection failed, is glusterd running >&2; exit 1", "is glusterd running"),
            ("exit 127", "gluster"),
            ("echo this is no XML", "gluster"),
        ):
            gluster.write_text(f"#!/bin/sh\n{script}\n")
            gluster.chmod(0o755)
            with pytest.raises(heketi.Error) as failed:
                engine.node_add(cluster.id, 1, "localhost", "192.0.2.1")
            assert said in str(failed.value) and "localhost" in str(failed.value)
        assert engine.nodes() == []
        assert engine.audit() == []


class Runner:
    """Does whatever a test wants."""

    def __init__(self, does: Any) -> None:
        self.does = does

    def run(self, host: str, command: str, timeout: float) -> Any:
        return self.does(host, command, timeout)


def raising(error: BaseException) -> Any:
    def does(host: str, command: str, timeout: float) -> Any:
        raise error

    return does


@pytest.mark.parametrize(
    ("does", "kind", "said"),
    [
        (raising(heketi.Unavailable("the way is shut")), heketi.Unavailable, "the way is shut"),
        (raising(ZeroDivisionError("by zero")), heketi.Error, "ZeroDivisionError: by zero"),
        (raising(TimeoutError("late")), heketi.Error, "timed out"),
        (raising(SystemExit(3)), heketi.Error, "SystemExit"),
        (lambda *_: None, heketi.Error, "NoneType, not a heketi.CommandResult"),
        (lambda *_: 7, heketi.Error, "int, not a heketi.CommandResult"),
        (lambda *_: heketi.CommandResult(status="zero"), heketi.Error, "TypeError"),  # type: ignore[arg-type]
        (lambda *_: heketi.CommandResult(stdout=[1]), heketi.Error, "TypeError"),  # type: ignore[arg-type]
        (lambda *_: heketi.CommandResult(0, b"\xff no XML"), heketi.Error, "far"),
        (lambda *_: heketi.CommandResult(1, "", "not today"), heketi.Error, "not today"),
    ],
)
def test_python_executors_that_fail(does: Any, kind: type[heketi.Error], said: str) -> None:
    with heketi.Engine.open(executor=Runner(does)) as engine:
        cluster = engine.cluster_create()
        with pytest.raises(kind) as failed:
            engine.node_add(cluster.id, 1, "far", "192.0.2.9")
        assert said in str(failed.value)
        assert engine.nodes() == []


def test_a_python_executor_that_hangs() -> None:
    go_on = threading.Event()

    def does(host: str, command: str, timeout: float) -> heketi.CommandResult:
        go_on.wait(60)
        return heketi.CommandResult(1)

    executor = heketi.PythonExecutor(Runner(does), limit=0.1)
    try:
        with heketi.Engine.open(executor=executor, grace=1) as engine:
            cluster = engine.cluster_create()
            with pytest.raises(heketi.Error, match=r"run\(\) did not return in time"):
                engine.node_add(cluster.id, 1, "far", "192.0.2.9")
    finally:
        go_on.set()


def test_failures_in_the_middle_are_undone() -> None:
    mock = heketi.MockExecutor()
    broken: list[str] = []

    def does(host: str, command: str, timeout: float) -> heketi.CommandResult:
        if broken and broken[0] in command:
            raise RuntimeError("a defect of this program")
        return mock.run(host, command)

    for zone in (1, 2, 3):
        mock.add_node(f"n{zone}", f"192.0.2.{zone}")
    with heketi.Engine.open(executor=Runner(does)) as engine:
        engine.load_topology(topology())
        broken.append(" volume start ")
        with pytest.raises(heketi.Error) as failed:
            engine.volume_create(size=5)
        assert "a defect of this program" in str(failed.value)
        broken.clear()
        engine.pending_operation_cleanup()
        assert engine.volume_list() == []
        assert engine.audit(nodes=True) == []
