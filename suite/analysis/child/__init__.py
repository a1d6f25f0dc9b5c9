"""The process that runs an untrusted solution on tensors without data; the host never imports this."""
