"""Whose certificate the client takes."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
import requests

import heketi
from heketi import aio

from .conftest import CERTIFICATES, KEY

AUTHORITY = CERTIFICATES / "authority.pem"


def clusters(server: str, verify: bool | str | Path) -> object:
    return heketi.HeketiClient(server, "admin", KEY, verify, timeout=30).cluster_list()["clusters"]


def test_certificates_that_are_taken(tls_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(AUTHORITY, tmp_path / "5ed36f99.0")
    (tmp_path / "README").write_text("no certificate")
    for verify in (str(AUTHORITY), AUTHORITY, tmp_path, CERTIFICATES / "signed.pem", False):
        assert clusters(tls_server, verify) == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(AUTHORITY))
    assert clusters(tls_server, True) == []

    async def work() -> object:
        return await aio.HeketiClient(tls_server, "admin", KEY, str(AUTHORITY), timeout=30).cluster_list()

    assert asyncio.run(work()) == {"clusters": []}


def test_certificates_that_are_not_taken(tls_server: str) -> None:
    for verify in (True, str(CERTIFICATES / "self-signed.pem")):
        with pytest.raises(requests.exceptions.ConnectionError) as refused:
            clusters(tls_server, verify)
        assert isinstance(refused.value, heketi.Unreachable)
        assert "certificate" in str(refused.value) and KEY not in str(refused.value)


def test_certificates_that_are_none(tls_server: str, tmp_path: Path) -> None:
    for missing in (tmp_path, tmp_path / "none.pem"):
        with pytest.raises(OSError, match=str(missing)):
            clusters(tls_server, missing)
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(heketi.Invalid, match="bad.pem"):
        clusters(tls_server, tmp_path / "bad.pem")
