"""Problems from files in the format of KernelBench: `Model`, `get_inputs` and `get_init_inputs` in one file.

`derive` asks a child process, which has torch, for what the suite needs and the file lacks; `write_problem`
makes the problem folder from it. The file itself is copied byte for byte.
"""
