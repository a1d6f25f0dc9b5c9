"""tritonpeak: judge, time, analyse and rank Triton kernels. The command is `bench`; see `suite.cli`."""
