"""Hooks for schemathesis: real ids in paths, and when a server error is an answer."""

import json
import os
import re
import time
import urllib.request

import schemathesis

URL = os.environ["HEKETI_URL"]

# Texts of refusals that are answered with 500, as in heketi v10. The queue tells how a job failed in the job's own
# words, with 500 too; what heketi itself got wrong there is in its log, which `openapi-check.sh` reads.
EXPECTED = re.compile(
    r"""^(
    Failed\ to\ (allocate\ new\ (block\ )?volume|allocate\ (block\ )?volume\ expansion|set\ up\ (block\ )?volume\ delete
        |set\ up\ brick\ eviction|set\ block\ restriction):\ .
    |Failed\ clone\ volume\ [0-9a-f]{32}:\ .
    |Refusing\ to\ delete\ block-hosting\ volume:\ .
    |Unable\ to\ (remove\ node|delete\ device|delete\ volume|get\ heal\ info|replace\ brick)\ .
    |(Node|Device)\ must\ be\ offline\ before\ remove\ operation\ is\ performed,\ (node|device):[0-9a-f]{32}
    |Cannot\ (move\ a\ failed/removed\ (node|device)\ to|replace\ brick)\ .
    |Device\ already\ in\ use
    |Can\ not\ destroy\ device
    |Initializing\ device
    |The\ target\ exists,\ contains\ other\ items,\ or\ is\ in\ use\.
    |insufficient\ block\ hosts\ online
    |Failed\ to\ (create|expand)\ block\ volume
    |no\ hosts\ available
    )""",
    re.VERBOSE,
)


def ask(method, path, body=None):
    """One request; the JSON of its answer, or that of what its job made."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(URL + path, data=data, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        location, text = answer.headers.get("Location"), answer.read()
    for _ in range(500):
        if not location:
            break
        # A redirect is followed: the answer is then that of what was made.
        with urllib.request.urlopen(URL + location, timeout=20) as answer:
            text = answer.read()
            if not answer.headers.get("X-Pending"):
                break
        time.sleep(0.02)
    return json.loads(text) if text.strip() else None


def known_ids():
    """What there is now, by the first word of a path."""
    ids = {kind: ask("GET", f"/{kind}")[kind] for kind in ("volumes", "blockvolumes", "clusters")}
    ids["nodes"] = [node for cluster in ids["clusters"] for node in ask("GET", f"/clusters/{cluster}")["nodes"]]
    devices = [device for node in ids["nodes"] for device in ask("GET", f"/nodes/{node}")["devices"]]
    ids["devices"] = [device["id"] for device in devices]
    ids["bricks"] = [brick["id"] for device in devices for brick in device["bricks"]]
    history = ask("GET", "/operations/history")["operations"]
    ids["operations"] = ids["queue"] = [entry["queue"] for entry in history]
    return ids


class World:
    """The ids that paths and bodies get, looked up again now and then."""

    def __init__(self):
        for _ in range(3):
            ask("POST", "/volumes", {"size": 4, "durability": {"type": "replicate", "replicate": {"replica": 3}}})
        ask("POST", "/volumes", {"size": 50, "block": True})
        for _ in range(3):
            ask("POST", "/blockvolumes", {"size": 2})
        self.ids = known_ids()
        self.asked = 0

    def pick(self, kind):
        """Three of four times the id of something."""
        self.asked += 1
        if self.asked % 150 == 0:
            self.ids = known_ids()
        ids = self.ids.get(kind)
        return ids[self.asked // 4 % len(ids)] if ids and self.asked % 4 else None


WORLD = World()


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Ids of what there is."""
    if path_parameters and "id" in path_parameters:
        path_parameters["id"] = WORLD.pick(context.operation.path.split("/")[1]) or path_parameters["id"]
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    """The same for ids in bodies."""
    if isinstance(body, dict):
        for member, kind in (("cluster", "clusters"), ("node", "nodes")):
            if isinstance(body.get(member), str):
                body[member] = WORLD.pick(kind) or body[member]
    return body


@schemathesis.check
def refusals(context, response, case):
    """500 only with a known text or for a failed job; nothing turned the service off, so 503 never; no stack."""
    text = response.text if response.status_code >= 400 else ""
    assert response.status_code != 503, f"503 without an admin mode: {text}"
    if response.status_code >= 500:
        known = case.operation.path == "/queue/{id}" or EXPECTED.match(text)
        assert response.status_code == 500 and known, f"{response.status_code}: {text}"
    if response.status_code >= 400 and text:
        assert text.endswith("\n"), f"an error ends its line: {text!r}"
        assert "panicked" not in text and ".rs:" not in text, text
