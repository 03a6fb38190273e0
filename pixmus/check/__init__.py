"""What lies outside real music, and where onsets are heard."""
