"""A script for heketi's first Python client runs as it is; below, what it can say more simply."""

import os

from heketi import HeketiClient

from requests.exceptions import HTTPError

client = HeketiClient(os.environ["HEKETI_CLI_SERVER"], os.environ.get("HEKETI_CLI_USER", ""), os.environ.get("HEKETI_CLI_KEY", ""), poll_delay=0.1)
volume = client.volume_create({"size": 1})
client.volume_expand(volume["id"], {"expand_size": 1})
assert client.volume_info(volume["id"])["size"] == 2
assert client.volume_delete(volume["id"])
try:
    client.volume_info(volume["id"])
except HTTPError as error:
    assert error.response is not None and error.response.status_code == 404

import heketi

try:
    client.volume_info(volume["id"])
except heketi.NotFound as error:
    print("gone:", error.text)
