"""The score: tempo map, notes, curves, MIDI."""
