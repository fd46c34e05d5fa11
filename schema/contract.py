"""Combines every topic's types into the one schema that clients see, and prints it."""

from pathlib import Path

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from schema.access_fields import FIELDS
from schema.access_roots import ROOTS
from schema.access_rules import hold_rules
from schema.alerts import AlertMutations, AlertQueries, AlertSubscriptions
from schema.audit import AuditQueries
from schema.branches import BranchingExecutor
from schema.buying import VendMutations
from schema.claim_codes import ClaimMutations
from schema.codes import CodeQueries
from schema.contacts import ContactMutations
from schema.devices import DeviceQueries
from schema.enum_values import describe_values
from schema.firebase_log_in import FirebaseMutations
from schema.invitations import InvitationMutations
from schema.lending import LendingMutations
from schema.limits import LimitQueries
from schema.live import LiveSubscriptions
from schema.low_units import LowUnitsMutations
from schema.mappings import MappingMutations, MappingQueries
from schema.nodes import NodeQueries
from schema.offline_entries import OfflineMutations
from schema.one_time_codes import CodeMutations
from schema.open_subscriptions import OpenSubscriptionMutations
from schema.openpaygo import OpenPaygoMutations
from schema.panel_list import PanelQueries
from schema.payments import PaymentMutations, PaymentQueries
from schema.people import PeopleMutations, PeopleQueries
from schema.prepaid import PrepaidMutations
from schema.properties import PropertyMutations, PropertyQueries
from schema.property_overview import OverviewQueries
from schema.push_devices import PushDeviceMutations
from schema.reading_changes import ReadingChangeMutations
from schema.refusal_lists import list_refusals
from schema.refusals import shown
from schema.registered_devices import RegisteredDeviceMutations, RegisteredDeviceQueries
from schema.rejected import RejectedMutations, RejectedQueries
from schema.scalars import scalar_map
from schema.second_factor import SecondFactorMutations
from schema.service import ServiceMutations, ServiceQueries
from schema.service_accounts import ServiceAccountMutations, ServiceAccountQueries
from schema.sessions import SessionMutations, SessionQueries
from schema.sign_up import SignUpMutations, SignUpQueries
from schema.states import StateSubscriptions
from schema.summaries import SummaryQueries
from schema.tariff_changes import TariffMutations, TariffQueries
from schema.tenancies import TenancyMutations
from schema.typed_readings import TypedReadingMutations
from schema.vends import VendQueries

PRINTED = Path(__file__).with_name("schema.graphql")
"""Where the printed contract stands."""


@strawberry.type(description="Everything that can be asked.")
class Query(
    PanelQueries,
    PropertyQueries,
    OverviewQueries,
    PeopleQueries,
    DeviceQueries,
    RegisteredDeviceQueries,
    SummaryQueries,
    ServiceQueries,
    RejectedQueries,
    SessionQueries,
    SignUpQueries,
    ServiceAccountQueries,
    LimitQueries,
    CodeQueries,
    AlertQueries,
    MappingQueries,
    NodeQueries,
    VendQueries,
    PaymentQueries,
    AuditQueries,
    TariffQueries,
):
    """All queries."""


@strawberry.type(description="Everything that can be changed. A refused change leaves everything as it was.")
class Mutation(
    PrepaidMutations,
    LendingMutations,
    ServiceMutations,
    RejectedMutations,
    SessionMutations,
    SignUpMutations,
    FirebaseMutations,
    CodeMutations,
    ContactMutations,
    SecondFactorMutations,
    ServiceAccountMutations,
    AlertMutations,
    LowUnitsMutations,
    PushDeviceMutations,
    ReadingChangeMutations,
    TypedReadingMutations,
    OpenPaygoMutations,
    OfflineMutations,
    MappingMutations,
    RegisteredDeviceMutations,
    OpenSubscriptionMutations,
    TariffMutations,
    PropertyMutations,
    InvitationMutations,
    TenancyMutations,
    ClaimMutations,
    PeopleMutations,
    VendMutations,
    PaymentMutations,
):
    """All mutations."""


@strawberry.type(description="Everything that is told as it happens.")
class Subscription(LiveSubscriptions, StateSubscriptions, AlertSubscriptions):
    """All subscriptions."""


class ElectricitySchema(strawberry.Schema):
    """The schema; every error that leaves it has a stable code and shows nothing internal."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Replaces the errors, in place, by what clients may see; logs those that nobody expected."""
        is_executed = execution_context is not None and execution_context.result is not None
        errors[:] = [shown(error, is_executed=is_executed) for error in errors]


def build_schema() -> ElectricitySchema:
    """The whole schema."""
    schema = ElectricitySchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        execution_context_class=BranchingExecutor,
        config=StrawberryConfig(disable_field_suggestions=True, scalar_map=scalar_map()),
    )
    core = schema._schema  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    describe_values(core)
    hold_rules(core, roots=ROOTS, fields=FIELDS)
    list_refusals(core)
    return schema


def printed() -> str:
    """The contract as SDL, as it stands in schema/schema.graphql."""
    return build_schema().as_str() + "\n"
