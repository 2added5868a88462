"""Other programs that intersect sets, to measure against: in an environment of their own.

They pin old or heavy packages, so nothing of them is ever installed beside this program.
"""
