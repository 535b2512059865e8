"""From the text of a statement to what it does."""
