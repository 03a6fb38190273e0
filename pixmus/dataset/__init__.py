"""The PixMus dataset: pictures paired with background music. Nothing on the way imports it."""
