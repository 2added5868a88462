"""The chain of migrations has one end: a database is brought to one newest form."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from coordinator import migrations


def test_the_chain_has_one_end_and_every_migration_is_on_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    files = list((Path(migrations.__file__).parent / "versions").glob("v*.py"))
    assert len(scripts.get_heads()) == 1
    assert len(list(scripts.walk_revisions())) == len(files)
