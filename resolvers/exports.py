"""Turns a panel and a period into a link under which its readings can be downloaded for a while."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import strawberry

from metering.periods import Range, chosen_period
from metering.tenures import Tenure
from metering.transfer import TransferFormat
from resolvers.context import Info
from store.panels import Panel


@dataclass(frozen=True, slots=True)
class ExportGrant:
    """What one link is good for: an account's download of a panel's readings in [since, until).

    `tenure` is that of a tenancy which may be over; None: what the account may look back on when it downloads.
    """

    account_id: int
    panel_code: str
    since: datetime
    until: datetime
    file_format: TransferFormat
    tenure: Tenure | None = None


@dataclass(frozen=True, slots=True)
class ExportLink:
    """A path of this server, and until when it is good (UTC)."""

    url: str
    expires_at: datetime


class LinkIssuer(Protocol):
    """Makes links."""

    def issue(self, grant: ExportGrant) -> ExportLink:
        """A link that is good for what was granted, from now on for a while."""
        ...


async def export_link(
    info: Info,
    panel: strawberry.Parent[Panel],
    since: datetime,
    until: datetime | None = None,
    file_format: TransferFormat = TransferFormat.CSV,
) -> ExportLink:
    """A link for the panel's readings of a period.

    Raises:
        Refused: BAD_RANGE.
    """
    context = info.context
    period = chosen_period(None, since=since, until=until, now=context.now(), default=Range.LAST_24H)
    issuer: LinkIssuer = context.export_links
    tenure = None if context.tenures is None else context.tenures.get(panel.id)
    account_id = context.signed_in.account_id
    grant = ExportGrant(account_id, panel.code, period.start, period.end, file_format, tenure)
    return issuer.issue(grant)
