"""The fused engine: a function's operations and all its derivatives as one program, run in one loop."""
