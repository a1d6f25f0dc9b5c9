"""What a solution does on a named card, found out without any card.

`inspection` runs `suite.analysis.child` in a process of its own: it captures the launches on tensors without
data, compiles them, and sends facts. The host adds what follows from the card: fit, occupancy, waves, roofs.
"""
