"""What the picture and a person ask of the music: the cue sheet."""
