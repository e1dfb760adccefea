"""The client of heketi's REST service."""

# aio/_client.py is made from this file by make_aio.py.

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from . import _heketi
from ._certificates import Verify, certificates
from ._response import Request, Response
from ._wait import wait

TAGS_SET = "set"
TAGS_UPDATE = "update"
TAGS_DELETE = "delete"

Options = Mapping[str, Any]
"""The body of a request, as the REST service documents it."""

Answer = dict[str, Any]
"""The JSON of an answer."""


class HeketiClient:
    """A heketi server, from afar. One object may be used by several threads.

    Methods that start a job return when it has ended. Those that return a dict give the server's JSON;
    those that return a bool tell whether the server did it. A status of 400 or more raises
    `heketi.HTTPError`, a server that does not answer `heketi.Unreachable`.

    - `host`: address of the server, `http://host:port`.
    - `user`, `key`: who asks; both empty for a server without authentication.
    - `verify`: whose certificate is taken from a server at `https://`, as `requests` has it: with True that of an
      authority the system trusts, or one in the file that the environment variable `REQUESTS_CA_BUNDLE` or
      `CURL_CA_BUNDLE` names; with a path one of the certificates in this file or directory, or signed by one of
      them; with False anyone's.
    - `poll_delay`: seconds between two questions about a job.
    - `timeout`: seconds one answer may take; None is no limit. Jobs take as long as they take.
    - `retries`: how often to ask again while the server is busy, or gone while a job runs.
    """

    def __init__(
        self,
        host: str,
        user: str,
        key: str,
        verify: Verify = True,
        poll_delay: float = 1,
        *,
        timeout: float | None = None,
        retries: int = 0,
    ) -> None:
        self.host = host
        self.user = user
        self.key = key
        self.verify = verify
        self.poll_delay = poll_delay
        self.timeout = timeout
        self.retries = retries
        trusted = certificates(verify)
        self._remote = _heketi.Remote(
            host, user or "", key or "", poll_delay, timeout, retries, verify is False, trusted
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.host!r}, user={self.user!r})"

    def _send(self, method: str, path: str, body: Options | None = None) -> Response:
        text = None if body is None else json.dumps(body)
        status, headers, content, end = wait(self._remote.send(method, path, text))
        base = self.host.rstrip("/")
        response = Response(status, headers, content, base + end, Request(method, base + path))
        response.raise_for_status()
        return response

    def _json(self, method: str, path: str, body: Options | None = None, status: int = 200) -> Answer:
        response = self._send(method, path, body)
        # The first client gave nothing for other statuses below 400, and scripts may look for that.
        told: Any = response.json() if response.status_code == status else None
        return cast(Answer, told)

    def _done(self, method: str, path: str, body: Options | None = None, status: int = 204) -> bool:
        return self._send(method, path, body).status_code == status

    # The service

    def hello(self) -> bool:
        """Does the server answer? Needs no user."""
        return self._done("GET", "/hello", status=200)

    def topology_info(self) -> Answer:
        """All clusters with their volumes and nodes, put together from many requests."""
        clusters: list[Answer] = []
        for cluster_id in self.cluster_list()["clusters"]:
            cluster = self.cluster_info(cluster_id)
            volumes = [self.volume_info(volume) for volume in cluster["volumes"]]
            nodes = [self.node_info(node) for node in cluster["nodes"]]
            told = {"id": cluster["id"], "file": cluster["file"], "block": cluster["block"]}
            clusters.append({"volumes": volumes, "nodes": nodes, **told})
        return {"clusters": clusters}

    # Clusters

    def cluster_create(self, cluster_options: Options = {}) -> Answer:
        """Makes an empty cluster."""
        return self._json("POST", "/clusters", cluster_options, status=201)

    def cluster_setflags(self, cluster_id: str, cluster_options: Options = {}) -> bool:
        """Replaces the flags `file` and `block`."""
        return self._done("POST", f"/clusters/{cluster_id}/flags", cluster_options, status=200)

    def cluster_info(self, cluster_id: str) -> Answer:
        """One cluster."""
        return self._json("GET", f"/clusters/{cluster_id}")

    def cluster_list(self) -> Answer:
        """The ids of all clusters."""
        return self._json("GET", "/clusters")

    def cluster_delete(self, cluster_id: str) -> bool:
        """Deletes an empty cluster."""
        return self._done("DELETE", f"/clusters/{cluster_id}", status=200)

    # Nodes

    def node_add(self, node_options: Options = {}) -> Answer:
        """Adds a node."""
        return self._json("POST", "/nodes", node_options)

    def node_info(self, node_id: str) -> Answer:
        """One node with its devices and bricks."""
        return self._json("GET", f"/nodes/{node_id}")

    def node_delete(self, node_id: str) -> bool:
        """Deletes a node without devices."""
        return self._done("DELETE", f"/nodes/{node_id}")

    def node_state(self, node_id: str, state_request: Options = {}) -> bool:
        """Changes the state: `{"state": "online"}`, `offline` or `failed`."""
        return self._done("POST", f"/nodes/{node_id}/state", state_request)

    def node_set_tags(self, node_id: str, tag_params: Options) -> bool:
        """Changes tags: `{"change_type": heketi.TAGS_SET, "tags": {…}}`."""
        return self._done("POST", f"/nodes/{node_id}/tags", tag_params, status=200)

    def node_replace(self, node_id: str) -> bool:
        """Makes the bricks of a node again, on the empty machine that took its place and its names."""
        return self._done("POST", f"/nodes/{node_id}/replace")

    # Devices

    def device_add(self, device_options: Options = {}) -> bool:
        """Adds a device."""
        return self._done("POST", "/devices", device_options)

    def device_info(self, device_id: str) -> Answer:
        """One device with its bricks."""
        return self._json("GET", f"/devices/{device_id}")

    def device_delete(self, device_id: str, device_options: Options | None = None) -> bool:
        """Deletes a device in failed state; `{"forceforget": True}` gives up on its node."""
        return self._done("DELETE", f"/devices/{device_id}", device_options)

    def device_state(self, device_id: str, state_request: Options = {}) -> bool:
        """Changes the state: `{"state": "online"}`, `offline` or `failed`."""
        return self._done("POST", f"/devices/{device_id}/state", state_request)

    def device_resync(self, device_id: str) -> bool:
        """Reads the sizes of a device again."""
        return self._done("GET", f"/devices/{device_id}/resync")

    def device_set_tags(self, device_id: str, tag_params: Options) -> bool:
        """Changes tags: `{"change_type": heketi.TAGS_SET, "tags": {…}}`."""
        return self._done("POST", f"/devices/{device_id}/tags", tag_params, status=200)

    def device_replace(self, device_id: str, device_options: Options = {}) -> bool:
        """Makes the bricks of a device again, on the empty disk that took its place; `{"name": …}` if that
        has another path."""
        return self._done("POST", f"/devices/{device_id}/replace", device_options)

    def brick_evict(self, brick_id: str, evict_options: Options = {}) -> bool:
        """Moves a brick to another device."""
        return self._done("POST", f"/bricks/to-evict/{brick_id}", evict_options)

    # Volumes

    def volume_create(self, volume_options: Options = {}) -> Answer:
        """Creates a volume."""
        return self._json("POST", "/volumes", volume_options)

    def volume_list(self) -> Answer:
        """The ids of all volumes."""
        return self._json("GET", "/volumes")

    def volume_info(self, volume_id: str) -> Answer:
        """One volume."""
        return self._json("GET", f"/volumes/{volume_id}")

    def volume_expand(self, volume_id: str, expand_size: Options = {}) -> Answer:
        """Makes a volume larger: `{"expand_size": 10}` adds 10 GiB."""
        return self._json("POST", f"/volumes/{volume_id}/expand", expand_size)

    def volume_delete(self, volume_id: str) -> bool:
        """Deletes a volume."""
        return self._done("DELETE", f"/volumes/{volume_id}")

    def volume_clone(self, volume_id: str, clone_options: Options = {}) -> Answer:
        """Clones a volume; `{"name": …}` names the clone."""
        return self._json("POST", f"/volumes/{volume_id}/clone", clone_options)

    def volume_block_restriction(self, volume_id: str, restriction: Options) -> Answer:
        """Locks a block hosting volume against new block volumes: `{"restriction": "locked"}`."""
        return self._json("POST", f"/volumes/{volume_id}/block-restriction", restriction)

    # Block volumes

    def block_volume_create(self, volume_options: Options = {}) -> Answer:
        """Creates a block volume."""
        return self._json("POST", "/blockvolumes", volume_options)

    def block_volume_list(self) -> Answer:
        """The ids of all block volumes."""
        return self._json("GET", "/blockvolumes")

    def block_volume_info(self, volume_id: str) -> Answer:
        """One block volume."""
        return self._json("GET", f"/blockvolumes/{volume_id}")

    def block_volume_expand(self, volume_id: str, expand_size: Options) -> Answer:
        """Makes a block volume larger: `{"new_size": 20}` is its size then."""
        return self._json("POST", f"/blockvolumes/{volume_id}/expand", expand_size)

    def block_volume_delete(self, volume_id: str) -> bool:
        """Deletes a block volume."""
        return self._done("DELETE", f"/blockvolumes/{volume_id}")

    # Operations and state

    def operations_info(self) -> Answer:
        """How many operations are recorded."""
        return self._json("GET", "/operations")

    def pending_operation_list(self) -> Answer:
        """All recorded operations."""
        return self._json("GET", "/operations/pending")

    def pending_operation_details(self, operation_id: str) -> Answer:
        """One recorded operation with what it changes."""
        return self._json("GET", f"/operations/pending/{operation_id}")

    def pending_operation_cleanup(self, cleanup_options: Options = {}) -> bool:
        """Resumes stale and failed operations; `{"operations": [id, …]}` only these."""
        return self._done("POST", "/operations/pending/cleanup", cleanup_options)

    def admin_status_get(self) -> Answer:
        """What requests the server takes."""
        return self._json("GET", "/admin")

    def admin_status_set(self, admin_status: Options) -> bool:
        """Changes what requests the server takes: `{"state": "read-only"}`."""
        return self._done("POST", "/admin", admin_status)

    def audit(self, nodes: bool = False) -> Answer:
        """Compares the state with itself, and with what the nodes report if they are to be asked."""
        return self._json("GET", "/audit?nodes=true" if nodes else "/audit")

    def db_dump(self) -> Response:
        """The whole state, as the server's raw answer."""
        return self._send("GET", "/db/dump")
