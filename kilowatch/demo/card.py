"""Prints what a newcomer needs: addresses, logins, and operations to paste."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from kilowatch.demo.site import LOW_FLAT, PASSWORD, PEOPLE

OPERATIONS: Final = {
    "Panels, live state and today's cost": """query Panels {
  panels { nodes { code name status latestReading { at activePowerKw }
    today { energyKwh cost { amount currency } } } } }""",
    "What 20 kWh cost, and when the units would run out with them": f"""query WhatIf {{
  panel(code: "{LOW_FLAT}") {{ prepaid {{
    quote(unitsKwh: "20") {{ gross {{ amount currency }} lines {{ kind amount }} }}
    whatIf(topUpKwh: "20") {{ daysLeft depletesAt {{ p10 p50 p90 }} }} }} }} }}""",
    "When the units run out, again with each forecast": f"""subscription RunsOut {{
  depletionForecast(codes: ["{LOW_FLAT}"]) {{
    ... on DepletionForecastSnapshot {{ states {{ ...Left }} }}
    ... on DepletionForecastChanged {{ state {{ ...Left }} }} }} }}
fragment Left on PanelDepletionForecast {{
  balanceKwh forecast {{ method daysLeft depletesAt {{ p10 p50 p90 }} }} }}""",
    "Every reading as it is stored": """subscription Live { panelReadings {
  ... on ReadingReceived { panel { code } reading { at activePowerKw } } } }""",
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services of this demo listen, as URLs; the broker's with what is spoken there."""

    api: str
    push: str
    mqtt: tuple[str, ...]


def print_card(addresses: Addresses, *, console: Console, folder: Path) -> None:
    """Prints the addresses, the logins and the operations."""
    table = Table.grid(padding=(0, 2))
    for label, value in (
        ("GraphiQL", f"{addresses.api}/graphiql"),
        ("Dashboard", f"{addresses.api}/"),
        ("GraphQL", f"{addresses.api}/graphql   (websocket: graphql-transport-ws)"),
        ("Pushes, mail and texts", addresses.push),
        ("MQTT", "\n".join(addresses.mqtt)),
        ("Data and logs", str(folder)),
    ):
        table.add_row(f"[bold]{label}[/]", value)
    console.print(Panel(table, title="Kilowatch is running", border_style="green"), highlight=False)
    people = Table("sign in as", "password", "who", box=None, padding=(0, 2))
    for person in PEOPLE:
        people.add_row(person.email, PASSWORD, person.name)
    console.print(people, highlight=False)
    for title, operation in OPERATIONS.items():
        console.print(f"\n[bold]{title}[/]")
        console.print(Syntax(operation, "graphql", background_color="default", word_wrap=True))
    console.print(f"\n{LOW_FLAT} is about to run low: its push shows here in about a minute. Ctrl-C stops everything.")
