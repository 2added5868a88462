"""``hedui audit``: what an auditor verifies and what a witness cosigns.

Knows which commands there are. Does not know what any of them does.
"""

import typer

from auditor import file_cli, log_cli, reconcile_cli, trail_cli, verdict_cli, witness_cli

app = typer.Typer(no_args_is_help=True, help="审计 audit: verify evidence, witness logs")
app.registered_commands += file_cli.app.registered_commands
app.registered_commands += log_cli.app.registered_commands
app.registered_commands += reconcile_cli.app.registered_commands
app.registered_commands += trail_cli.app.registered_commands
app.registered_commands += verdict_cli.app.registered_commands
app.add_typer(witness_cli.app, name="witness")
