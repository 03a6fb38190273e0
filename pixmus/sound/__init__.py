"""From a score to sound: players, mix, loudness."""
