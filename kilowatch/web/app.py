"""Wires the pool, the live hub, sign-in and the contract into one ASGI application."""

from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from dashboard.pages import dashboard_routes, graphiql_routes
from forecasting.on_demand import Forecaster
from ingest.trial import MessageTrials
from kilowatch.web.counts import Counts
from kilowatch.web.device_tokens import SignedDeviceTokens
from kilowatch.web.emqx import Brokers
from kilowatch.web.endings import Endings
from kilowatch.web.endpoint.graphql_http import GraphQLOverHTTP
from kilowatch.web.endpoint.sse import EventStreams
from kilowatch.web.engine.admission import Bounds
from kilowatch.web.engine.engine import Engine, build_engine
from kilowatch.web.export import Exports
from kilowatch.web.export_links import PATH as EXPORT_PATH
from kilowatch.web.export_links import ExportLinks
from kilowatch.web.fanout.fanout import SUBSCRIPTIONS_A_CONNECTION, FanOut
from kilowatch.web.health import Health
from kilowatch.web.key_rotation import PATH as KEYS_PATH
from kilowatch.web.key_rotation import KeyRotation
from kilowatch.web.payments import PaymentEvents, Secrets
from kilowatch.web.request_limits import ServerPricing
from kilowatch.web.signing_keys import KeyRing, Signing
from kilowatch.web.slots import Slots
from kilowatch.web.sockets.closing import MAX_CONNECTIONS
from kilowatch.web.sockets.conversation import INIT_WITHIN_S, SocketServices
from kilowatch.web.sockets.graphql_ws import GraphQLOverWebSocket
from kilowatch.web.tokens import Tokens
from kilowatch.web.viewers import Viewers
from metering.access import Viewer
from metering.code_limits import CODES_PER_HOUR
from metering.contacts import Channel, SignUpPolicy
from metering.identities import IdentityCheck
from metering.payments import Selling
from resolvers.context import Context, system_now
from resolvers.enrolment import Enrolment
from resolvers.live import LiveHub
from resolvers.open_subscriptions import OpenSubscriptions
from resolvers.sessions import Doorkeeper, SignIn
from store.connections import Pool, open_pool
from store.sealing import Sealing

_ASKED_WITH = ("Accept", "Authorization", "Content-Type", "Apollo-Require-Preflight", "X-Apollo-Operation-Name")
_ANSWERED_WITH = ("RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate")
"""What pages of other origins may send, and read of the answers' headers."""

_POOL_WAIT_S = 2.0
"""How long a request may wait for a connection: while the database is away, that is when clients are told."""


@dataclass(frozen=True, slots=True)
class Services:
    """What lives as long as the application."""

    pool: Pool
    live: LiveHub
    engine: Engine
    fanout: FanOut
    subscriptions: OpenSubscriptions
    viewers: Viewers
    endings: Endings
    rotation: KeyRotation
    doorkeeper: Doorkeeper
    idle: timedelta
    identities: IdentityCheck | None
    export_links: ExportLinks
    message_trials: MessageTrials
    forecaster: Forecaster
    enrolment: Enrolment
    device_tokens: SignedDeviceTokens
    counts: Counts
    pricing: ServerPricing
    online_within: timedelta
    selling: Selling
    now: Callable[[], datetime]

    def context(
        self, viewer: Viewer | None, client_address: str, *, session_id: UUID | None = None, user_agent: str = ""
    ) -> Context:
        """What the resolvers of one request are given."""
        issue = self.viewers.tokens.issue
        return Context(
            pool=self.pool,
            viewer=viewer,
            client_address=client_address,
            now=self.now,
            online_within=self.online_within,
            live=self.live,
            subscriptions=self.subscriptions,
            sign_in=SignIn(self.doorkeeper, issue, self.idle, client_address, user_agent, session_id, self.identities),
            export_links=self.export_links,
            message_reader=self.message_trials,
            forecaster=self.forecaster,
            enrolment=self.enrolment,
            device_tokens=self.device_tokens,
            pricing=self.pricing,
            selling=self.selling,
        )

    def exports(self, database_url: str) -> Exports:
        """The downloads, which have connections of their own."""
        return Exports(database_url, self.export_links, self.viewers)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Opens the pool and listens; the database may be away and come later."""
        await self.pool.open(wait=False)
        self.live.start()
        self.subscriptions.start()
        self.endings.start()
        self.rotation.start()
        try:
            yield
        finally:
            await self.rotation.close()
            await self.endings.close()
            await self.live.close()
            await self.subscriptions.close()
            self.doorkeeper.close()
            if self.identities is not None:
                self.identities.close()
            self.forecaster.close()
            await self.pool.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an application is made of.

    `keys` sign access tokens, which last for `token_lifetime`; a key is added after `key_lifetime`. Sessions last for
    `session_idle` without being renewed.
    `signing_key` (32 bytes or more) signs links and seals second factors. `allowed_origins`
    are the web origins (`https://app.example.org`) whose pages may call the API from a browser. `online_within` is
    how old a panel's last message may be while it is ONLINE, `heartbeat` how long subscriptions may be silent.
    `forecast_model` is a file to forecast by in place of the model that comes with this package.
    An account may have `max_connections` websockets, as many event streams, and five times as many subscriptions on
    all of these. `bounds` are what operations may cost and clients may spend; with `trusted_documents` no others are
    run. Panels that are not known are taken to be in `default_time_zone`, as by ingest. Payments are taken from the
    providers of `payment_secrets`, and buy units from a vendor where `vendor_currency` says what it sells in. Brokers
    that know `broker_secret` may ask about their clients; an empty one lets none ask.
    People are written to by `channels`, `codes_per_hour` codes at the most to one network, and sign up as `sign_up`
    says.
    """

    database_url: str
    signing_key: bytes
    keys: KeyRing
    key_lifetime: timedelta
    token_lifetime: timedelta
    session_idle: timedelta
    graphiql: bool
    introspection: bool
    allowed_origins: Collection[str]
    online_within: timedelta
    heartbeat: timedelta
    pool_size: int
    bounds: Bounds = field(default_factory=Bounds)
    trusted_documents: Path | None = None
    init_within_s: float = INIT_WITHIN_S
    max_connections: int = MAX_CONNECTIONS
    default_time_zone: str = "UTC"
    forecast_model: Path | None = None
    payment_secrets: Secrets = field(default_factory=Secrets)
    vendor_currency: str | None = None
    broker_secret: str = field(default="", repr=False)
    channels: frozenset[Channel] = frozenset()
    sign_up: SignUpPolicy = SignUpPolicy.OPEN
    codes_per_hour: int = CODES_PER_HOUR
    identities: IdentityCheck | None = None
    now: Callable[[], datetime] = system_now


def create_app(options: Options) -> Starlette:
    """The application: `/graphql` over HTTP and websockets, `/graphiql`, `/export`, `/payments`, the dashboard, health.

    Raises:
        TrustedDocumentsError: the file of `trusted_documents` cannot be used.
    """
    services = _services(options)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        async with services.running():
            yield

    return Starlette(
        routes=[
            *_graphql_routes(services, options),
            *_health_routes(services),
            Route(f"{EXPORT_PATH}{{token}}", services.exports(options.database_url).download),
            Route(KEYS_PATH, services.rotation.published),
            *_payments(services, options).routes(),
            *Brokers(services.pool, options.broker_secret, services.now).routes(),
            *dashboard_routes(),
            *(graphiql_routes() if options.graphiql else []),
        ],
        middleware=_cross_origin(options.allowed_origins),
        lifespan=lifespan,
    )


def _services(options: Options) -> Services:
    url, now = options.database_url, options.now
    pool = open_pool(url, size=options.pool_size, application="kilowatch serve", wait_s=_POOL_WAIT_S)
    signing = Signing(options.keys, now)
    viewers = Viewers(pool, Tokens(signing, options.token_lifetime, now), now)
    live = LiveHub(url, pool, heartbeat_s=options.heartbeat.total_seconds())
    trusted, bounds = options.trusted_documents, options.bounds
    engine = build_engine(introspection=options.introspection, bounds=bounds, trusted=trusted, now=now)
    return Services(
        pool=pool,
        live=live,
        engine=engine,
        fanout=FanOut(engine, live, Slots(SUBSCRIPTIONS_A_CONNECTION * options.max_connections)),
        subscriptions=OpenSubscriptions(url, pool, now),
        viewers=viewers,
        endings=Endings(url, pool, viewers),
        rotation=KeyRotation(signing, options.key_lifetime, now),
        doorkeeper=Doorkeeper(),
        idle=options.session_idle,
        identities=options.identities,
        export_links=ExportLinks(options.signing_key, now),
        message_trials=MessageTrials(default_time_zone=options.default_time_zone),
        forecaster=Forecaster(options.forecast_model),
        enrolment=Enrolment(Sealing(options.signing_key), options.channels, options.sign_up, options.codes_per_hour),
        device_tokens=SignedDeviceTokens(signing),
        counts=Counts(),
        pricing=ServerPricing(engine.admission, options.max_connections),
        online_within=options.online_within,
        selling=options.payment_secrets.selling(vendor_currency=options.vendor_currency),
        now=now,
    )


def _graphql_routes(services: Services, options: Options) -> list[BaseRoute]:
    origins, most = frozenset(options.allowed_origins), options.max_connections
    streams = EventStreams(services.fanout, services.subscriptions, services.counts, Slots(most), services.viewers)
    over_http = GraphQLOverHTTP(services.engine, services.viewers, services.context, services.counts, origins, streams)
    for_sockets = SocketServices(
        services.engine,
        services.fanout,
        services.viewers,
        services.context,
        services.subscriptions,
        services.counts,
        Slots(most),
        options.init_within_s,
    )
    return [Route("/graphql", over_http), WebSocketRoute("/graphql", GraphQLOverWebSocket(for_sockets, origins))]


def _payments(services: Services, options: Options) -> PaymentEvents:
    return PaymentEvents(services.pool, options.payment_secrets, services.selling, services.counts, services.now)


def _health_routes(services: Services) -> list[BaseRoute]:
    health = Health(
        services.pool, services.live, services.fanout, services.engine.surprises, services.counts, services.now
    )
    return [
        Route("/healthz", health.alive),
        Route("/readyz", health.ready),
        Route("/metrics", health.metrics),
    ]


def _cross_origin(allowed_origins: Collection[str]) -> list[Middleware]:
    """Nothing without origins: browsers then keep other sites' pages away from the answers."""
    if not allowed_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(allowed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=_ASKED_WITH,
            expose_headers=_ANSWERED_WITH,
            max_age=3600,
        )
    ]
