"""Turns command lines about properties and tenancies into what is shown and done."""

from datetime import date, datetime
from typing import Annotated

import typer

from kilowatch.options import AsJson
from kilowatch.starting import started
from kilowatch.tables import printable, show_json, show_table, shown_at

property_app = typer.Typer(help="Properties: what landlords let, and its panels.", no_args_is_help=True)
tenancy_app = typer.Typer(help="Tenancies: who rents which panels, and invitations to rent.", no_args_is_help=True)

Landlord = Annotated[str, typer.Option(help="The landlord's e-mail address, or phone number with +.")]
PropertyId = Annotated[int, typer.Argument(metavar="PROPERTY", help="The property's number: see `property list`.")]


def _database_url() -> str:
    return started(needs=("database_url",)).database_url


@property_app.command("add")
def add_property(
    name: str, landlord: Landlord, address: Annotated[str, typer.Option(help="Where it is.")] = ""
) -> None:
    """Add a property of a landlord."""
    from kilowatch import letting  # noqa: PLC0415 - `--help` should not wait for it

    number = letting.add_property(_database_url(), name=name, address=address, landlord=landlord)
    typer.echo(f"added property {number}: {name}")


@property_app.command("list")
def list_properties(*, as_json: AsJson = False) -> None:
    """List the properties with their landlords."""
    from kilowatch.letting import all_properties  # noqa: PLC0415 - as above

    found = all_properties(_database_url())
    if as_json:
        show_json(found)
        return
    rows = [
        (str(one.id), printable(one.name), printable(one.address), one.landlord_name or "", str(one.panel_count))
        for one in found
    ]
    show_table(["id", "name", "address", "landlord", "panels"], rows)


@property_app.command("hand-over")
def hand_over(number: PropertyId, landlord: Landlord) -> None:
    """Give a property to another landlord, with all that is let."""
    from kilowatch import letting  # noqa: PLC0415 - as above

    letting.hand_over(_database_url(), number, landlord=landlord)
    typer.echo(f"property {number} is {landlord}'s")


@property_app.command("assign")
def assign_panels(number: PropertyId, panels: Annotated[list[str], typer.Argument(metavar="CODE...")]) -> None:
    """Let panels belong to a property; tenancies that are not over have to move with all their panels."""
    from kilowatch import letting  # noqa: PLC0415 - as above

    letting.assign_panels(_database_url(), panels, property_id=number)
    typer.echo(f"{', '.join(panels)}: of property {number}")


@property_app.command("release")
def release_panels(panels: Annotated[list[str], typer.Argument(metavar="CODE...")]) -> None:
    """Let panels belong to nobody, so that they can be claimed."""
    from kilowatch import letting  # noqa: PLC0415 - as above

    letting.assign_panels(_database_url(), panels, property_id=None)
    typer.echo(f"{', '.join(panels)}: of no property")


@property_app.command("remove")
def remove_property(number: PropertyId) -> None:
    """Remove a property without current tenancies; its panels belong to nobody then."""
    from kilowatch import letting  # noqa: PLC0415 - as above

    letting.remove_property(_database_url(), number)
    typer.echo(f"removed property {number}")


@tenancy_app.command("list")
def list_tenancies(number: PropertyId, *, as_json: AsJson = False) -> None:
    """List who rents, has rented and is to rent of a property."""
    from kilowatch.letting import tenancies_of  # noqa: PLC0415 - as above

    found = tenancies_of(_database_url(), number)
    if as_json:
        show_json(found)
        return
    rows = [
        (str(one.id), printable(one.tenant_name), ", ".join(one.panel_codes), shown_at(one.starts_at),
         shown_at(one.ends_at) if one.ends_at else "", "yes" if one.is_current else "")
        for one in found
    ]  # fmt: skip
    show_table(["id", "tenant", "panels", "since", "until", "current"], rows)


@tenancy_app.command("invite")
def invite_tenant(
    number: PropertyId,
    panels: Annotated[list[str], typer.Argument(metavar="CODE...")],
    starts_on: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day.")],
    ends_on: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last local day; open when left out.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Whom it is for.")] = None,
) -> None:
    """Make an invitation to rent panels of a property, and print its code: it is shown this once."""
    from kilowatch import letting  # noqa: PLC0415 - as above

    until: date | None = ends_on.date() if ends_on else None
    code = letting.invite_tenant(
        _database_url(), number, codes=panels, starts_on=starts_on.date(), ends_on=until, name=name
    )
    typer.echo(code)
    typer.echo("good for 14 days, once", err=True)


@tenancy_app.command("end")
def end_tenancy(number: Annotated[int, typer.Argument(metavar="TENANCY", help="The tenancy's number.")]) -> None:
    """End a tenancy now; streams end."""
    from kilowatch import letting  # noqa: PLC0415 - as above

    letting.end_tenancy(_database_url(), number)
    typer.echo(f"ended tenancy {number}")


def make_claim_code(panels: Annotated[list[str], typer.Argument(metavar="CODE...")]) -> None:
    """Make a code by which somebody claims panels that belong to nobody, and print it: it is shown this once."""
    from kilowatch import letting  # noqa: PLC0415 - as above

    typer.echo(letting.make_claim_code(_database_url(), panels))
    typer.echo("good for 90 days, once", err=True)


def set_role(
    who: Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address, or phone number with +.")],
    role: Annotated[str, typer.Argument(help="ADMIN, LANDLORD or TENANT.")],
) -> None:
    """Give a person another role, at once."""
    from kilowatch import letting  # noqa: PLC0415 - as above

    letting.set_role(_database_url(), who, role=role)
    typer.echo(f"{who} is {role}")
