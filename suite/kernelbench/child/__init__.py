"""Runs a KernelBench-format file to learn what the suite needs of it, in a process that has torch."""
