"""S3front's load generator: what one operation costs the server, how fast and how even it is.

``python -m bench --help``; what each figure means is in ``bench/README.md``. Three kinds of
process take part: the server, one or more generators (``generator``) that speak to it and know no
figures, and the run (``run``), which reads ``/proc`` before and after each scenario and sends no
load itself.

::

    command ▶ run ▶ server, accounting, figure
              run ▶ generator ▶ scenarios ▶ scripts ▶ requests, content ▶ sigv4
                    generator ▶ client ▶ answer
"""
