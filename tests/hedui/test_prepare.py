"""``hedui demo --prepare``: a city for parties that each have a host of their own."""

import json
from pathlib import Path

from typer.testing import CliRunner

from federation import party
from federation.clock import SystemClock
from federation.manifest import PartyRole
from hedui.cli import app
from hedui.demo import city, stage


def test_a_prepared_city_waits_for_hosts_named_as_its_parties(tmp_path: Path) -> None:
    made = tmp_path / "made"
    words = ["demo", "--prepare", str(made)]
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    offices = [office.id for office in city._OFFICES]
    cases = len(list((made / "city" / "cases").iterdir()))
    assert json.loads(done.stdout) == {"nodes": offices, "cases": cases}
    now = SystemClock().now()
    for office in offices:
        opened = party.load(made / "federation" / office, PartyRole.NODE, now)
        assert opened.listen == f"{office.replace('_', '-')}:{stage.PORT}"
        assert (opened.folder / "import.toml").exists()
    for witness in stage.WITNESSES:
        opened = party.load(made / "federation" / witness, PartyRole.WITNESS, now)
        assert opened.listen == f"{witness.replace('_', '-')}:{stage.PORT}"
        assert opened.manifest.quorum == 2
    assert party.load(made / "federation" / stage.AUDITOR, PartyRole.AUDITOR, now).key
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 2
    assert "FOLDER_NOT_EMPTY" in again.stderr
