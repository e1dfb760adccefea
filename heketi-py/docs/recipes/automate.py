"""Gives each project a volume of its own, on the server in HEKETI_CLI_SERVER."""

import os

import heketi

PROJECTS = {"web": 2, "mail": 3}

client = heketi.HeketiClient(
    os.environ["HEKETI_CLI_SERVER"],
    os.environ.get("HEKETI_CLI_USER", ""),
    os.environ.get("HEKETI_CLI_KEY", ""),
    timeout=60,
    retries=6,
)
there = {client.volume_info(volume)["name"] for volume in client.volume_list()["volumes"]}
for project, size in PROJECTS.items():
    if project in there:
        print(f"{project} is there")
        continue
    replicas = {"type": "replicate", "replicate": {"replica": 3}}
    try:
        volume = client.volume_create({"name": project, "size": size, "durability": replicas})
    except heketi.NoSpace as lack:
        raise SystemExit(f"no room for {project}:\n{lack}") from None
    print(f"{project}: mount -t glusterfs {volume['mount']['glusterfs']['device']} /srv/{project}")
