"""The staged protocol: what each stage may change, what it must reach, and what a prompt asks for.

`stage` has the stages as data; `checks` holds them against a source, its captured launches, its profile and
the stage before; `output_rules` holds any answer against the form of a solution.
"""
