"""What editors and music programs write and read: cut lists and markers in, sessions out."""
