"""Plotly figures of a board, as plain data that the pages' own script draws.

They are built as dictionaries, not as `plotly.graph_objects`: a report of two thousand solutions has
hundreds, and validating each attribute takes longer than all the rest. A test holds them against Plotly's
schema.
"""
