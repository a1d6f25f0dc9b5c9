"""The trusted process: makes inputs, keeps the answers, checks every output, reads the clock of the worker.

It never imports a solution.
"""
