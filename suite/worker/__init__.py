"""The process that runs one solution.

Nothing here imports the rest of the suite: the judge copies this package beside the solution, so that the
worker's view holds neither the judge nor the problems. Whatever this process says is a claim; the judge
checks it from outside.
"""
