"""One whole run, and what is exported of it."""
