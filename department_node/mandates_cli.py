"""``hedui node mandates``: under which batch mandates this department was asked, of how many.

Knows what is shown. Changes nothing, and shows nobody.
"""

from department_node import node as nodes
from department_node.beside import beside
from department_node.mandate_books import Presented
from federation import catalogue, mandate, words
from federation.clock import business_date
from federation.commands import Commands
from federation.terminal import FolderOption, Terminal

app = Commands()


@app.command()
def mandates(at: Terminal, folder: FolderOption) -> None:
    """列出收到的批量授权 List the batch mandates under which this department was asked."""
    with beside(nodes.data_folder(folder)) as state:
        for one in state.mandates.all():
            given, _ = mandate.look(one.document)
            _show(at, one, given, state.mandates.asked(given.id))


def _show(at: Terminal, one: Presented, given: mandate.BatchMandate, asked: dict[str, int]) -> None:
    last = business_date(given.expires - 1)
    at.emit(
        {
            "mandate": given.id.hex(),
            "coordinator": given.coordinator,
            "purpose": given.purpose.name,
            "basis": given.basis[at.lang],
            "size": given.size,
            "people": one.people,
            "expires": last.isoformat(),
            "asked": asked,
        }
    )
    purpose = words.purpose(given.purpose, at.lang)
    at.say(
        f"{given.id.hex()}  {given.coordinator}  {purpose}  {one.people:,}/{given.size:,} 人,"
        f"至 {last}\n  依据:{given.basis['zh']}",
        f"{given.id.hex()}  {given.coordinator}  {purpose}  {one.people:,} of {given.size:,}"
        f" people, to {last}\n  ground: {given.basis['en']}",
    )
    for question, times in asked.items():
        predicate, parameter, *period = question.split("|")
        text = f"  {predicate} {parameter}".rstrip() + f"  {period[0]} – {period[1]}  ×{times}  "
        text += catalogue.load().predicate(predicate).question(at.lang)
        at.say(text, text)
