"""Real programs: servers over simulated nodes, simulated nodes behind SSH."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import heketi

KEY = "a key of the administrator"
REPOSITORY = Path(__file__).resolve().parents[2]
CERTIFICATES = REPOSITORY / "heketi-http" / "tests" / "http" / "certificates"
DATABASES = REPOSITORY / "heketi-core" / "tests" / "data"


@contextmanager
def serving(directory: Path, **config: object) -> Iterator[str]:
    """A server with simulated nodes; gives its port."""
    file = directory / "heketi.json"
    file.write_text(json.dumps({
        "port": "0",
        "bind_address": "127.0.0.1",
        "use_auth": True,
        "jwt": {"admin": {"key": KEY}, "user": {"key": "another key of users"}},
        "glusterfs": {"executor": "mock", "db": str(directory / "heketi.db"), "loglevel": "warning"},
        **config,
    }))
    with running([os.environ["HEKETI_SERVER"], f"--config={file}"], r"Listening on port (\d+)") as port:
        yield port


@contextmanager
def running(command: Sequence[str], ready: str) -> Iterator[str]:
    """A program, from the line that says that it is ready; gives the first group of that."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # One that says nothing is ended, which ends the loop below.
    patience = threading.Timer(60, process.kill)
    patience.start()
    try:
        said = []
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            if found := re.search(ready, line):
                break
        else:
            pytest.fail(f"{command[0]} did not start: " + "".join(said))
        patience.cancel()
        yield found[1]
    finally:
        patience.cancel()
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server."""
    with serving(tmp_path_factory.mktemp("server")) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one whose certificate `authority.pem` signed."""
    files = {"cert_file": str(CERTIFICATES / "signed.pem"), "key_file": str(CERTIFICATES / "signed.key")}
    with serving(tmp_path_factory.mktemp("tls"), enable_tls=True, **files) as port:
        yield f"https://localhost:{port}"


@dataclass(frozen=True)
class SimulatedNodes:
    """Nodes behind SSH."""

    directory: Path
    port: int


@pytest.fixture(scope="session")
def node_sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedNodes]:
    """Simulated nodes behind SSH, on addresses of loopback."""
    directory = tmp_path_factory.mktemp("nodes")
    with socket.create_server(("127.77.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [os.environ["HEKETI_NODE_SIM"], str(directory), "--nodes=3", f"--port={port}"]
    with running(command, r"(\d+) nodes listen"):
        yield SimulatedNodes(directory, port)


@pytest.fixture
def client(server: str) -> heketi.HeketiClient:
    return heketi.HeketiClient(server, "admin", KEY, poll_delay=0.02, timeout=30)


def topology() -> dict[str, object]:
    return {
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
