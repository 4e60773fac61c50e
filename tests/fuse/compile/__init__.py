"""What gradcu.compile does with functions."""
