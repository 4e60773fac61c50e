"""Programs that measure gradcu beside other libraries; benchmarks/README.md says how."""
