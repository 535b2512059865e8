"""Links of the tasks to the web interfaces of their cluster."""
