"""Policies written down in a line or two, for tests about what stands in them."""

from federation import catalogue, policy
from federation.policy import Policy

HEAD = """
family = "{family}"
version = {version}
issued = {issued}
expires = {expires}
title = {{ zh = "测试", en = "Test" }}
"""
SOURCE = 'source = "测试"\nzh = "测试"\nen = "test"\n'


def rung(name: str, per_head: int, comparator: str = "le", per: str = "head") -> str:
    own = f'per_head = {per_head}\ncomparator = "{comparator}"\nper = "{per}"\n'
    return f'[[parameter]]\nid = "{name}"\nkind = "rung"\n{own}{SOURCE}'


def band(name: str, *edges: int) -> str:
    return f'[[parameter]]\nid = "{name}"\nkind = "band"\nedges = {list(edges)}\n{SOURCE}'


def window(name: str, months: int) -> str:
    return f'[[parameter]]\nid = "{name}"\nkind = "window"\nmonths = {months}\n{SOURCE}'


def rule(predicate: str, *parameters: str, **changed: str) -> str:
    terms = {"purposes": '["ENTRY"]', "period": '"month"', "max_age_days": "45"} | changed
    named = ", ".join(f'"{one}"' for one in parameters)
    rows = "".join(f"{key} = {value}\n" for key, value in terms.items())
    return f'[[rule]]\npredicate = "{predicate}"\nparameters = [{named}]\n{rows}{SOURCE}'


def make(*parts: str, **head: object) -> Policy:
    known = {"family": "t", "version": 1, "issued": "2026-01-01", "expires": "2027-12-31"}
    text = HEAD.format(**(known | head)) + "".join(parts)
    return policy.parse(text.encode(), catalogue.load())
