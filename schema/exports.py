"""Describes downloads of readings."""

from datetime import datetime

import strawberry

from metering.transfer import TransferFormat

strawberry.enum(
    TransferFormat,
    description="How a file holds readings. All have the same columns: see docs/transfer.md.",
)


@strawberry.type(description="A link under which readings can be downloaded without signing in.")
class ExportLink:
    """See `resolvers.exports.ExportLink`."""

    url: str = strawberry.field(
        description="A path on the server that answered, for GET. Whoever has it may use it: keep it to yourself."
    )
    expires_at: datetime = strawberry.field(
        description="From then on a new download is refused, 10 minutes from now; one that runs goes on. UTC."
    )
