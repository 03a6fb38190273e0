"""A whole library of clips: soundtracks for thousands, what is done skipped, a row for each."""
