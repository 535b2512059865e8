"""What a RayDP cluster is, and how it lives and dies."""
