"""The departments' own registers: the facts of the world in the tables of each house."""
