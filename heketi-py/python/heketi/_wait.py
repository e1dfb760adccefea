"""Waiting for work of the native half."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._heketi import Pending


def wait(pending: Pending) -> Any:
    """Waits in this thread. Other threads run meanwhile; Ctrl-C interrupts."""
    return pending.wait()


async def wait_async(pending: Pending) -> Any:
    """Waits in the running event loop. Cancelling gives the work up."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    def deliver(value: Any, error: BaseException | None) -> None:
        try:
            loop.call_soon_threadsafe(settle, value, error)
        except RuntimeError:
            pass  # The loop was closed: nobody waits.

    pending.then(deliver)
    try:
        return await future
    except asyncio.CancelledError:
        pending.cancel()
        raise
