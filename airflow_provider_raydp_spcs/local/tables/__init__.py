"""Tables: fakesnow over DuckDB, and everything that it is taught here. Nothing in it knows of containers."""
