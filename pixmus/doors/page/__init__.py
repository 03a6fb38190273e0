"""The page: upload a clip, hear its soundtrack, understand it, take it away.

`start` begins it, `serve` puts it together from the panels (`panels/`), whose buttons `wiring`
ties to the handlers in `work` and `looks`; `studio` does what they ask for, and knows of no widget.
"""

import os

# Before Gradio loads: nothing leaves the machine.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
