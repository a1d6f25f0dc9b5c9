"""The loop: ask a command for the next version, hold its answer against every rule, keep what is faster.

`loop` goes through the stages, `command` asks, `workshop` judges, `record` keeps every prompt, answer and
verdict.
"""
