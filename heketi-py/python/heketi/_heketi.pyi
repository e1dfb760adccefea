"""
The native half of the module `heketi`. Its classes are for the Python half alone.
"""

from _typeshed import Incomplete, SupportsGetItem
from os import PathLike
from typing import Any, SupportsFloat, SupportsIndex, final

@final
class Engine:
    """
    A manager that embeds everything: state, planning, and the way to the nodes.
    """
    def call(self, /, name: str, id: str, body: str, progress: Any | None = None) -> Pending:
        """
        Does what `name` says to the object `id`, with a JSON body; see `calls`. `progress` is called with JSON
        each time the operation gets on. Results in JSON or nothing.
        """
    def close(self, /, grace: SupportsFloat | SupportsIndex) -> Pending:
        """
        Takes no more work, waits up to `grace` seconds for running steps, and lets go of nodes and database.
        What is not over then is resumed by the next engine over the same database.
        """
    @property
    def closed(self, /) -> bool:
        """
        Is it closed?
        """
    def events(self, /) -> Events:
        """
        What happens from now on.
        """
    @staticmethod
    def open(db: str | PathLike[str] | None, executor: Executor, settings: str) -> Pending:
        """
        Opens or creates the database, in memory without a path. `settings` is JSON. Results in an `Engine`.
        """

@final
class Events:
    """
    Events from the moment this was made.
    """
    def next(self, /, timeout: SupportsFloat | SupportsIndex | None) -> Pending:
        """
        Results in the next event as JSON; in nothing once the engine is closed, or after `timeout` seconds.
        """

@final
class Executor:
    """
    How an engine reaches nodes.
    """
    def add_node(self, /, manage: str, storage: str) -> None:
        """
        Adds a simulated node, for commands that come before a step names it.
        """
    def lines(self, /) -> list[tuple[str, str, int | None]]:
        """
        The lines that reached simulated nodes: host, line, exit status.
        """
    @staticmethod
    def local(sudo: bool, commands: str) -> Executor:
        """
        On this machine. `commands` is JSON.
        """
    @staticmethod
    def mock(device_size: SupportsIndex, commands: str) -> Executor:
        """
        On simulated nodes whose disks have `device_size` GiB. `commands` is JSON.
        """
    @staticmethod
    def python(runner: Any, limit: SupportsFloat | SupportsIndex | None, commands: str) -> Executor:
        """
        Through an object with `run(host, command, timeout)`, where no command gets more than `limit` seconds.
        `commands` is JSON.
        """
    def run(self, /, host: str, command: str) -> tuple[int, str, str]:
        """
        Runs a line on a simulated node and returns status, standard output and standard error.
        """
    def set_up(self, /, host: str, up: bool) -> None:
        """
        Switches a simulated node on or off.
        """
    @staticmethod
    def ssh(keyfile: str | PathLike[str], user: str, port: SupportsIndex, sudo: bool, host_key_policy: str, known_hosts: SupportsGetItem[int, str | PathLike[str]], commands: str) -> Executor:
        """
        Over SSH. `commands` is JSON.
        """

@final
class Pending:
    """
    Work that was started. It is given up when this object goes away, or a wait for it is interrupted.
    """
    def cancel(self, /) -> None:
        """
        Gives the work up.
        """
    def then(self, /, callback: Any) -> None:
        """
        Calls `callback(result, exception)` at the end, on a thread of heketi; one of both is `None`.
        """
    def wait(self, /) -> Any:
        """
        Waits for the end without holding the interpreter lock; Ctrl-C interrupts.
        """

@final
class Plan:
    """
    Clusters, nodes, devices and volumes in memory. It never changes: what-ifs work on copies, which cost next
    to nothing.
    """
    def capacity(self, /, request: str) -> str:
        """
        For each cluster, as JSON, how much room there is for volumes like `request`.
        """
    def devices(self, /) -> str:
        """
        All devices, as JSON.
        """
    def explain(self, /, request: str) -> str:
        """
        As JSON, where `request` would be placed and why, or why it finds no place.
        """
    @staticmethod
    def load(text: str, device_size: SupportsIndex | None, settings: str) -> Plan:
        """
        Reads JSON: a topology file, a topology with its sizes, or the export of a database. `device_size` in KiB is
        for devices whose size the file does not tell; `settings` is JSON.
        """
    @staticmethod
    def open(path: str | PathLike[str], device_size: SupportsIndex | None, settings: str) -> Plan:
        """
        Reads a file: JSON as `load` does, or a database.
        """
    def simulate(self, /, requests: str, samples: SupportsIndex, stop: bool) -> tuple[list[int], int, list[tuple[int, str]], list[tuple[int, float]], float, Plan]:
        """
        Does what a JSON list of requests says, one after the other, on a copy; takes `samples` samples of the
        space in use. With `stop` it ends at the first refusal.
        """
    def volumes(self, /) -> str:
        """
        All volumes, as JSON; not those that an operation of the state is just making or deleting.
        """

@final
class Remote:
    """
    A server, from afar.
    """
    def __new__(cls, /, server: str, user: str, key: str, poll_delay: SupportsFloat | SupportsIndex, timeout: SupportsFloat | SupportsIndex | None, retries: SupportsIndex, insecure: bool, certificates: SupportsGetItem[int, str | PathLike[str]]) -> Remote:
        """
        `timeout` is in seconds and for one answer, `poll_delay` in seconds; without a user no token is sent. `insecure`
        takes any certificate; `certificates` are PEM files to trust instead of the system's.
        """
    def send(self, /, method: str, path: str, body: str | None) -> Pending:
        """
        Sends a request and follows the job it may start. Results in `(status, headers, body, path)` of the
        last answer, whatever its status.
        """

def __getattr__(name: str) -> Incomplete: ...
