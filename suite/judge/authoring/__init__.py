"""Is a problem fit to judge solutions by? Runs in a process of its own, as it runs the problem's code."""
