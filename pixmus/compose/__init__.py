"""From a cue sheet and a tempo map to a score."""
