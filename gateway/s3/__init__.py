"""The S3 protocol: pure. No I/O, no clock, no event loop, no HTTP server.

``message.py`` is a request and an answer as plain values; ``target.py`` and ``fields.py`` read one
into a typed input (``inputs/``); handlers return results (``results.py``); ``answers.py`` and
``xml_out.py`` write those. Fields of inputs and results are the snake_case names of the members in
Amazon's model. Each oddity of S3 has its own small module and tests.
"""
