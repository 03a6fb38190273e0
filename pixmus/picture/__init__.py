"""The picture: a clip read, measured and written."""
