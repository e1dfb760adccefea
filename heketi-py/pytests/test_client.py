"""The client against the real server."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

import heketi
from heketi import aio

from .conftest import KEY

RECIPES = Path(__file__).resolve().parents[1] / "docs" / "recipes"


def fill(client: heketi.HeketiClient, storage: str) -> str:
    cluster = client.cluster_create({"file": True, "block": True})
    for zone in (1, 2, 3):
        hostnames = {"manage": [f"{storage}-{zone}"], "storage": [f"{storage}.{zone}"]}
        node = client.node_add({"cluster": cluster["id"], "zone": zone, "hostnames": hostnames})
        assert client.device_add({"node": node["id"], "name": "/dev/sdb"}) is True
    return str(cluster["id"])


def test_life_of_a_volume(client: heketi.HeketiClient) -> None:
    assert client.hello() is True
    cluster = fill(client, "10.1.0")
    durability = {"type": "replicate", "replicate": {"replica": 3}}
    volume = client.volume_create({"size": 10, "durability": durability, "clusters": [cluster]})
    assert client.volume_expand(volume["id"], {"expand_size": 5})["size"] == 15
    node = client.cluster_info(cluster)["nodes"][0]
    device = client.node_info(node)["devices"][0]["id"]
    assert client.device_state(device, {"state": "offline"}) is True
    assert client.device_state(device, {"state": "online"}) is True
    tags = {"change_type": heketi.TAGS_SET, "tags": {"rack": "r7"}}
    assert client.node_set_tags(node, tags) and client.device_set_tags(device, tags)
    assert client.device_info(device)["tags"] == {"rack": "r7"}
    assert client.device_resync(device) is True
    assert client.volume_delete(volume["id"]) is True
    told = client.topology_info()
    assert cluster in [it["id"] for it in told["clusters"]]
    assert heketi.plan.load(told).devices()


def test_errors_are_what_old_scripts_catch(client: heketi.HeketiClient, server: str) -> None:
    with pytest.raises(requests.exceptions.HTTPError) as missing:
        client.volume_info("0" * 32)
    assert isinstance(missing.value, heketi.NotFound)
    assert missing.value.response.status_code == 404
    assert missing.value.response.text.strip() == "Id not found"
    with pytest.raises(heketi.Invalid):
        client.volume_create({"size": -1})
    with pytest.raises(heketi.Unauthorized):
        heketi.HeketiClient(server, "admin", "wrong").cluster_list()
    with pytest.raises(requests.exceptions.ConnectionError):
        heketi.HeketiClient("http://127.0.0.1:9", "admin", KEY).cluster_list()
    with pytest.raises(heketi.NoSpace) as lack:
        client.volume_create({"size": 10**5, "clusters": [fill(client, "10.2.0")]})
    assert isinstance(lack.value, heketi.HTTPError) and lack.value.status == 500 and lack.value.explanation


def test_coroutines(server: str) -> None:
    async def work() -> None:
        client = aio.HeketiClient(server, "admin", KEY, poll_delay=0.02)
        assert await client.hello()
        made = await asyncio.gather(*(client.cluster_create({"file": True}) for _ in range(5)))
        assert await asyncio.gather(*(client.cluster_delete(it["id"]) for it in made)) == [True] * 5
        with pytest.raises(heketi.NotFound):
            await client.node_info("0" * 32)

    asyncio.run(asyncio.wait_for(work(), 60))


def test_an_answer_may_take_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = heketi.HeketiClient(f"http://127.0.0.1:{silent.getsockname()[1]}", "", "", timeout=0.2)
        with pytest.raises(heketi.Unreachable):
            client.hello()
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="timeout"):
            heketi.HeketiClient("http://127.0.0.1:9", "", "", timeout=wrong)


@contextlib.contextmanager
def answering(statuses: list[int]) -> Iterator[str]:
    """The address of a server in a thread of this process, which answers with these statuses, then with 200."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses.pop(0) if statuses else 200)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"Hello")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(30)


def test_waiting_lets_other_threads_run() -> None:
    # Were the interpreter lock held while the client waits, this server could not answer.
    with answering([]) as address:
        assert heketi.HeketiClient(address, "", "", timeout=20).hello()


def test_a_busy_server_is_asked_again_as_often_as_the_caller_says() -> None:
    statuses = [429, 429, 429, 429]
    with answering(statuses) as address:
        with pytest.raises(heketi.Busy):
            heketi.HeketiClient(address, "", "", timeout=20).hello()
        with pytest.raises(heketi.Busy):
            heketi.HeketiClient(address, "", "", timeout=20, retries=1).hello()
        assert len(statuses) == 1
        assert heketi.HeketiClient(address, "", "", timeout=20, retries=1).hello()


def test_ctrl_c_interrupts_a_wait(server: str) -> None:
    code = (
        "import socket, heketi\n"
        "s = socket.create_server(('127.0.0.1', 0))\n"
        "print('ready', flush=True)\n"
        "heketi.HeketiClient('http://127.0.0.1:%d' % s.getsockname()[1], '', '').hello()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in told


@pytest.mark.parametrize("recipe", sorted(path.name for path in RECIPES.glob("*.py")))
def test_recipes_run(recipe: str, client: heketi.HeketiClient, server: str, tmp_path: Path) -> None:
    if recipe in ("automate.py", "migrate.py"):
        fill(client, f"10.{len(recipe)}.9")
    told = {"HEKETI_CLI_SERVER": server, "HEKETI_CLI_USER": "admin", "HEKETI_CLI_KEY": KEY}
    subprocess.run([sys.executable, RECIPES / recipe], env=os.environ | told, cwd=tmp_path, check=True, timeout=120)
    if recipe == "capacity.py":
        assert (tmp_path / "capacity.png").read_bytes().startswith(b"\x89PNG")
