"""The one command line that composes the roles.

Knows which role hangs under which word. Does not know what any command does.
"""

import os
import resource

import typer

from auditor import cli as auditor_cli
from coordinator import cli as coordinator_cli
from coordinator import (
    consent_cli,
    feedback_cli,
    mandate_cli,
    operator_cli,
    programme_cli,
    stats_cli,
    store_cli,
)
from department_node import cli as node_cli
from hedui import federation_cli, health_cli, lookup_cli, policy_cli
from hedui import mandate_cli as signing_cli
from hedui import programme_cli as programme_signing_cli
from hedui.demo import cli as demo_cli
from registrar import cli as registrar_cli
from tally import cli as tally_cli

app = typer.Typer(
    name="hedui",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="核对 hedui: verify a household's economic status without moving anybody's records",
)
app.add_typer(federation_cli.app, name="federation")
app.add_typer(policy_cli.app, name="policy")
app.add_typer(registrar_cli.app, name="registrar")
app.add_typer(node_cli.app, name="node")
app.add_typer(tally_cli.app, name="tally")
app.add_typer(coordinator_cli.app, name="case")
app.add_typer(consent_cli.app, name="consent")
mandate_cli.app.registered_commands += signing_cli.app.registered_commands
app.add_typer(mandate_cli.app, name="mandate")
app.add_typer(operator_cli.app, name="operator")
programme_cli.app.registered_commands += programme_signing_cli.app.registered_commands
app.add_typer(programme_cli.app, name="programme")
app.add_typer(store_cli.app, name="store")
app.add_typer(feedback_cli.app, name="feedback")
app.add_typer(stats_cli.app, name="stats")
app.add_typer(auditor_cli.app, name="audit")
app.registered_commands += lookup_cli.app.registered_commands
app.registered_commands += health_cli.app.registered_commands
app.registered_commands += demo_cli.app.registered_commands


def main() -> None:
    """Run the command line; what it writes is its owner's alone, and no core is ever dumped."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    app()
