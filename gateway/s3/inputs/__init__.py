"""The typed input of each operation, by declaration (gateway.s3.fields).

Field names are those of botocore's model in snake case. What the model has and these lack is the
body, what the wire handles (Content-Length), and what gateway.s3.refused_headers refuses or accepts.
"""
