"""What the page stands on: visits, clips decoded apart, takes and their pictures (see app.py)."""
