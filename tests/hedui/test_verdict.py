"""What came back is held to the oracle; only kills excuse a sum that ended without an outcome."""

from hedui.demo.verdict import CLOSED, Key, compare

ONE: Key = ("A", "", "", "H2", "assets-12s")
OTHER: Key = ("A", "790301", "tax", "P22", "")
ORACLE = {ONE: "YES", OTHER: "NO"}


def test_what_the_oracle_does_not_say_is_wrong() -> None:
    given = [(ONE, "YES"), (OTHER, "YES"), (("B", "", "", "H2", "assets-12s"), "YES")]
    verdict = compare(given, ORACLE)
    assert (verdict.answers, verdict.wrong, verdict.right) == (3, (OTHER, given[2][0]), False)
    assert compare([(ONE, "YES")], ORACLE).right
    assert not compare([], ORACLE).right


def test_a_share_that_a_kill_closed_is_not_held_against_anybody() -> None:
    assert compare([(ONE, CLOSED)], ORACLE, kills=True).right
    assert not compare([(ONE, CLOSED)], ORACLE).right
    assert not compare([(ONE, "NO")], ORACLE, kills=True).right
    assert not compare([(("B", "", "", "H2", "x"), CLOSED)], ORACLE, kills=True).right
