"""Ways to the nodes for an embedded engine.

Commands are made by heketi; an executor brings them to a node. `commands` of every executor are settings of
these commands, with the names of `sshexec` in heketi.json: `fstab`, `mount_options`, `gluster_cli_timeout`,
`backup_lvm_metadata`, `pv_data_alignment`, `vg_physicalextentsize`, `lv_chunksize`, `xfs_su`, `xfs_sw`,
`lvm_wrapper`, `debug_umount_failures`, `snapshot_limit`, `block_prealloc`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from . import _heketi
from ._requests import without_none


@dataclass(frozen=True)
class CommandResult:
    """How a command ended: exit status, standard output, standard error."""

    status: int = 0
    stdout: str | bytes = ""
    stderr: str | bytes = ""


@runtime_checkable
class CommandRunner(Protocol):
    """Brings commands to nodes: implement it to reach them in a way of your own."""

    def run(self, host: str, command: str, timeout: float) -> Any:
        """Runs a shell command as root on `host`, a node's management host name, within `timeout` seconds.

        Returns a `CommandResult`, or an object with its attributes such as `subprocess.CompletedProcess`. A
        status that is not 0 is an answer, not an exception. Called from threads of heketi, for several hosts
        at the same time.

        Raises `heketi.Unavailable` if the command certainly did not start, and `TimeoutError` if it ran out
        of time. After any other exception heketi does not know whether the command ran, and asks the nodes
        before it goes on; so it does when nothing is returned five seconds after `timeout`.
        """


class Executor:
    """A way to the nodes. An engine uses it from `Engine.open` to `close`."""

    _native: _heketi.Executor


def _commands(commands: dict[str, Any]) -> str:
    return json.dumps(without_none(commands))


class SshExecutor(Executor):
    """Commands over SSH.

    - `keyfile`: private key without passphrase; `user` must be root, or may use `sudo` without a password.
    - `host_key_policy`: `accept-new` keeps the first key of a host in the database and refuses another one
      later; `strict` accepts only what `known_hosts` files tell; `off` accepts any.
    """

    def __init__(
        self,
        keyfile: str | os.PathLike[str],
        user: str = "root",
        port: int = 22,
        sudo: bool = False,
        host_key_policy: str = "accept-new",
        known_hosts: Sequence[str | os.PathLike[str]] = (),
        **commands: Any,
    ) -> None:
        files = [os.fspath(file) for file in known_hosts]
        native = _heketi.Executor.ssh
        self._native = native(os.fspath(keyfile), user, port, sudo, host_key_policy, files, _commands(commands))


class LocalExecutor(Executor):
    """Commands on this machine, for a cluster of one node. Host names of other machines are refused."""

    def __init__(self, sudo: bool = False, **commands: Any) -> None:
        self._native = _heketi.Executor.local(sudo, _commands(commands))


class MockExecutor(Executor):
    """Simulated nodes that understand heketi's commands: every host that is named exists, with disks of
    `device_size` GiB. They keep their state as long as this object lives."""

    def __init__(self, device_size: int = 500, **commands: Any) -> None:
        self._native = _heketi.Executor.mock(device_size, _commands(commands))

    def lines(self) -> list[tuple[str, str, int | None]]:
        """The commands that ran so far: host, command, exit status."""
        return self._native.lines()

    def run(self, host: str, command: str, timeout: float = 0) -> CommandResult:
        """Runs a command on a simulated node, as an administrator would."""
        return CommandResult(*self._native.run(host, command))

    def add_node(self, manage: str, storage: str) -> None:
        """Adds a node before a step of an engine names it: for commands that come some other way."""
        self._native.add_node(manage, storage)

    def set_up(self, host: str, up: bool) -> None:
        """Switches a simulated node on or off."""
        self._native.set_up(host, up)


class PythonExecutor(Executor):
    """Commands through an object of yours; `Engine.open` makes one of any `CommandRunner`.

    `limit`: the most seconds a command gets; without it heketi's own times count, which are minutes for some.
    """

    def __init__(self, runner: CommandRunner, limit: float | None = None, **commands: Any) -> None:
        if not callable(getattr(runner, "run", None)):
            raise TypeError(f"{type(runner).__name__} has no method run(host, command, timeout)")
        self._native = _heketi.Executor.python(runner, limit, _commands(commands))


def executor_of(executor: Executor | CommandRunner) -> Executor:
    """The executor itself, or one over a runner."""
    return executor if isinstance(executor, Executor) else PythonExecutor(executor)
