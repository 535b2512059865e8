"""How containers are played."""
