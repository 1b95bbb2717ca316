"""What S3 promises, over any storage.

One async function an operation: ``async def f(context, input) -> result``. Inputs and results are the
protocol's (``gateway.s3``); what is known comes from the catalog, bytes go to a storage. Errors of
both are translated to S3's in ``faults.py`` and nowhere else. HTTP, signatures and XML do not appear.
"""
