"""A real server over simulated nodes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import heketi

KEY = "a key of the administrator"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    directory = tmp_path_factory.mktemp("server")
    config = directory / "heketi.json"
    config.write_text(json.dumps({
        "port": "0",
        "bind_address": "127.0.0.1",
        "use_auth": True,
        "jwt": {"admin": {"key": KEY}, "user": {"key": "another key of users"}},
        "glusterfs": {"executor": "mock", "db": str(directory / "heketi.db"), "loglevel": "warning"},
    }))
    program = os.environ["HEKETI_SERVER"]
    process = subprocess.Popen([program, f"--config={config}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said = []
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            if port := re.search(r"Listening on port (\d+)", line):
                break
        else:
            pytest.fail("the server did not start: " + "".join(said))
        yield f"http://127.0.0.1:{port[1]}"
    finally:
        process.terminate()
        process.wait(30)


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
