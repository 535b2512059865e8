"""Files of stages."""
