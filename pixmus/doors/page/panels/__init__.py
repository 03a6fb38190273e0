"""The panels of the page, a file each: what stands on them, and what they show of a take."""
