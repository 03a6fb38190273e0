"""How people and programs come in: command line, page, Hub."""
