"""The process that runs one solution.

Nothing here imports the rest of the suite: the judge copies this package beside the solution. In a sandbox
the worker's view then holds neither the judge nor the problems; without one an installed checkout is still
in reach. Whatever this process says is a claim; the judge checks it from outside.
"""
