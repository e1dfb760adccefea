"""The name under which heketi's first Python client kept its class."""

from ._client import TAGS_DELETE, TAGS_SET, TAGS_UPDATE, HeketiClient

__all__ = ["TAGS_DELETE", "TAGS_SET", "TAGS_UPDATE", "HeketiClient"]
