"""Concurrency over streams, in bounded memory; and async work called from where there is no await."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def ordered(
    work: Callable[[T], Awaitable[R]], items: Iterable[T] | AsyncIterable[T], *, limit: int, window: int | None = None
) -> AsyncGenerator[R]:
    """Do work on items concurrently and yield the results in the order of the items.

    Args:
        work: Called once an item. What it raises is raised here when its turn comes.
        items: Read only as fast as work goes on.
        limit: How many are worked on at once.
        window: How many may be begun beyond the last one yielded: what is thrown away at most when the caller stops
            early. Default: four times ``limit``, so that a slow item does not hold up the others.

    Closing the iterator cancels what is under way.
    """
    window = window or 4 * limit
    source = aiter(items) if isinstance(items, AsyncIterable) else _as_async(items)
    pending: deque[asyncio.Task[R]] = deque()
    running = 0
    wake = asyncio.Event()

    def ended(_: asyncio.Task[R]) -> None:
        nonlocal running
        running -= 1
        wake.set()

    more = True
    try:
        while more or pending:
            while more and running < limit and len(pending) < window:
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    more = False
                    break
                task = asyncio.ensure_future(_call(work, item))
                running += 1
                task.add_done_callback(ended)
                pending.append(task)
            while pending and pending[0].done():
                yield pending.popleft().result()
            begin = more and running < limit and len(pending) < window
            if (more or pending) and not begin and not (pending and pending[0].done()):
                # Also with nothing pending: a task that is done counts as running until its callback gets a turn.
                wake.clear()
                await wake.wait()
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


async def _call(work: Callable[[T], Awaitable[R]], item: T) -> R:
    return await work(item)


async def _as_async(items: Iterable[T]) -> AsyncIterator[T]:
    for item in items:
        yield item


def from_thread(work: Coroutine[Any, Any, R], loop: asyncio.AbstractEventLoop) -> R:
    """Run a coroutine on an event loop of another thread and wait for it, as long as there is that loop.

    Raises:
        asyncio.CancelledError: It was cancelled, or the loop was closed meanwhile. No ``Exception``, so that
            programs do not catch it.
    """
    try:
        future = asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError as error:  # the loop is closed
        work.close()
        raise asyncio.CancelledError from error
    while True:
        try:
            return future.result(timeout=1)
        except concurrent.futures.CancelledError as error:
            raise asyncio.CancelledError from error
        except TimeoutError:
            if future.done():
                raise
            if loop.is_closed():
                work.close()
                raise asyncio.CancelledError from None


def twin(call: Callable[..., Coroutine[Any, Any, T]]) -> Callable[..., T]:
    """The synchronous twin of a function; where a loop runs already it works in a thread of its own."""

    def run(*args: Any, **kwargs: Any) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(call(*args, **kwargs))
        return in_thread(call(*args, **kwargs))

    run.__name__ = run.__qualname__ = call.__name__.removeprefix("a")
    run.__doc__ = call.__doc__
    run.__wrapped__ = call  # type: ignore[attr-defined]  # so that help() shows the signature
    return run


def in_thread(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run in a loop of another thread; Ctrl-C ends the work there, too, and not only the waiting for it."""
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()
    begun: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]]
    begun = concurrent.futures.Future()

    async def body() -> T:
        begun.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        return await coroutine

    def work() -> None:
        try:
            outcome.set_result(asyncio.run(body()))
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            outcome.set_exception(error)

    thread = threading.Thread(target=work, name="limbeck")
    thread.start()
    try:
        return outcome.result()
    except KeyboardInterrupt:
        loop, task = begun.result()
        if task is not None and not outcome.done():
            loop.call_soon_threadsafe(task.cancel)
            thread.join()
        raise
