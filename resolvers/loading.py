"""Turns many single look-ups of one request into one statement."""

from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

from strawberry.dataloader import DataLoader

from resolvers.context import Context

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Load = Callable[[Context, list[K]], Awaitable[dict[K, V]]]
"""Finds the values of many keys at once; keys without a value are left out."""


async def loaded(context: Context, load: Load[K, V], key: K) -> V | None:
    """The value of a key, found together with those of all keys that are asked for at the same time.

    Nothing is kept: a websocket's context outlives its answers.
    """
    name = f"{load.__module__}.{load.__name__}"
    loader: DataLoader[K, V | None] | None = context.loaders.get(name)
    if loader is None:

        async def in_order(keys: list[K]) -> list[V | None]:
            found = await load(context, keys)
            return [found.get(key) for key in keys]

        loader = context.loaders[name] = DataLoader(load_fn=in_order, cache=False)
    return await loader.load(key)
