"""What S3front can be told: the model, where its values come from, and the table of it all.

``model.py`` (with ``parts.py``) says what exists and what is legal; ``sources.py`` reads environment
and file into trees of plain values; ``loader.py`` merges them (flag, environment, file, default) and
turns each refusal into a ``Problem`` that names the key, what is wrong and the fix.
"""
