"""A peer of bench/log_in.py: signing in as it is often written, with the password hashed in the handler itself."""

import os
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

pool = AsyncConnectionPool(os.environ["DATABASE_URL"], open=False, kwargs={"autocommit": True})
hasher = PasswordHasher()


async def log_in(request: Request) -> JSONResponse:
    given = (await request.json())["variables"]["i"]
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT password_hash FROM account WHERE email = %s", (given["email"],))
        row = await cursor.fetchone()
    if row is None:
        return JSONResponse({"code": "BAD_CREDENTIALS"})
    try:
        hasher.verify(row[0], given["password"])
    except VerificationError:
        return JSONResponse({"code": "BAD_CREDENTIALS"})
    return JSONResponse({"code": "SESSION"})


@asynccontextmanager
async def lifespan(_app: Starlette):
    async with pool:
        yield


app = Starlette(routes=[Route("/graphql", log_in, methods=["POST"])], lifespan=lifespan)
