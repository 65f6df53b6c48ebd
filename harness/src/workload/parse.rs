//! YAML to Workload, errors with file, line and column.
