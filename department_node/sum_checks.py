"""Whether this department can contribute to the sums whose groups name it.

Knows a share's preconditions: all components of the group in the catalogue, a mask key that fits
the manifest, runs that were not lost. Changes nothing.
"""

from collections.abc import Collection, Iterator

from department_node import parts
from department_node.catalogue import NodeCatalogue
from department_node.contribution_books import ContributionBooks
from department_node.finding import Finding
from department_node.masking import Masking
from federation.errors import BadInput
from federation.group import Group
from federation.party import Party


def groups(party: Party, listed: NodeCatalogue, broken: Collection[str]) -> Iterator[Finding]:
    """Check each group that names this department; ``broken`` components cannot be used."""
    for group in party.manifest.groups.values():
        mine = parts.weights(group, party.id)
        if mine:
            lacking = [n for n in mine if n not in listed.components or n in broken]
            yield _components(group, listed, list(mine), lacking)
            yield from _key(party, group)


def lost(books: ContributionBooks) -> Iterator[Finding]:
    """Say how many shares were lost between their beginning and their end."""
    count = books.lost()
    if count:
        yield Finding(
            name="sums",
            ok=None,
            zh=f"合计:{count:,} 次份额开始后中断,不再重算",
            en=f"sums: {count:,} broken off after the beginning, never computed again",
            help_zh="该户这个月的合计须由人工核实,或等下个月再问",
            help_en="people verify that month's sum, or the household is asked the next month",
        )


def _components(
    group: Group, listed: NodeCatalogue, mine: list[str], lacking: list[str]
) -> Finding:
    return Finding(
        name="sums",
        ok=not lacking,
        zh=f"合计 {group.predicate}:"
        + (f"缺少 {'、'.join(lacking)}" if lacking else f"提供 {'、'.join(mine)}"),
        en=f"sum {group.predicate}: "
        + (f"{', '.join(lacking)} missing" if lacking else f"adds {', '.join(mine)}"),
        help_zh=f"请在 {listed.file} 中写好 [[component]];缺少时全户的合计无法进行",
        help_en=f"write the [[component]] in {listed.file}; without it nobody's sum can be made",
    )


def _key(party: Party, group: Group) -> Iterator[Finding]:
    try:
        Masking(party, 0).keys(group)
    except BadInput as error:
        yield Finding(
            name="sums",
            ok=False,
            zh=f"合计 {group.predicate}:{error.title('zh')}  {error.code}",
            en=f"sum {group.predicate}: {error.title('en')}  {error.code}",
            help_zh=error.help("zh"),
            help_en=error.help("en"),
        )
