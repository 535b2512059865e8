"""What runs inside a container: the entry point of the images and of local processes alike."""
